//! Trees of boxes, elements and descriptors, with junk among them and lengths that lie.

use super::*;

/// What a length says of what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    True,
    Off(i8),
    /// Whatever is left.
    Open,
    Any(u64),
}

/// A part that has no business where it is.
#[derive(Clone, Debug)]
struct Junk {
    kind: prop::sample::Index,
    fields: Option<Vec<u8>>,
    claim: Claim,
    parts: Vec<Self>,
}

/// What is done to a part that has its place.
#[derive(Clone, Debug)]
struct Level {
    claim: Claim,
    fields: Option<Vec<u8>>,
    before: Vec<Junk>,
    behind: Vec<Junk>,
}

#[derive(Clone, Copy)]
enum Form {
    Box,
    Element,
    Descriptor,
}

/// From the outermost part to the innermost, of all of which a description is read.
type Spine = &'static [(Form, &'static [u8])];

const MP4: Spine = &[
    (Form::Box, b"moov"),
    (Form::Box, b"trak"),
    (Form::Box, b"mdia"),
    (Form::Box, b"minf"),
    (Form::Box, b"stbl"),
    (Form::Box, b"stsd"),
    (Form::Box, b"mp4a"),
    (Form::Box, b"esds"),
    (Form::Descriptor, &[3]),
    (Form::Descriptor, &[4]),
];

const WEBM: Spine = &[
    (Form::Element, &[0x18, 0x53, 0x80, 0x67]),
    (Form::Element, &[0x16, 0x54, 0xae, 0x6b]),
    (Form::Element, &[0xae]),
    (Form::Element, &[0xe0]),
    (Form::Element, &[0xb0]),
];

const EBML: Spine = &[(Form::Element, &[0x1a, 0x45, 0xdf, 0xa3]), (Form::Element, &[0x42, 0x82])];

const BOXES: &[&[u8]] = &[
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"mp4a", b"esds", b"hdlr", b"mvhd",
    b"mvex", b"mehd", b"avc1", b"ftyp", b"mdat", b"free",
];
const ELEMENTS: &[&[u8]] = &[
    &[0x1a, 0x45, 0xdf, 0xa3],
    &[0x42, 0x82],
    &[0x18, 0x53, 0x80, 0x67],
    &[0x15, 0x49, 0xa9, 0x66],
    &[0x2a, 0xd7, 0xb1],
    &[0x44, 0x89],
    &[0x16, 0x54, 0xae, 0x6b],
    &[0xae],
    &[0x83],
    &[0x86],
    &[0xe0],
    &[0xb0],
    &[0xba],
    &[0xec],
    &[0xbf],
    &[0x11, 0x4d, 0x9b, 0x74],
];
const DESCRIPTORS: &[&[u8]] = &[&[3], &[4], &[5], &[6], &[0x7f]];

/// What a part begins with before others stand in it.
fn fields(name: &[u8]) -> Vec<u8> {
    match name {
        b"mdia" => part(b"hdlr", &[&[0; 8][..], b"soun", &[0; 13]].concat()),
        b"mp4a" => vec![0; 28],
        b"esds" | b"hdlr" => vec![0; 4],
        b"stsd" | b"mehd" => vec![0; 8],
        b"mvhd" => vec![1; 100],
        b"avc1" => vec![1; 78],
        [3] => vec![0, 1, 0],
        [4] => vec![0x6b; 13],
        [0x42, 0x82] => b"webm".to_vec(),
        [0x18, 0x53, 0x80, 0x67] => info_and_tracks()[0].clone(),
        [0xae] => [element(&[0x83], &[1]), element(&[0x86], b"V_VP9")].concat(),
        [0xe0] => element(&[0xba], &[2, 0xd0]),
        [0xb0] => vec![5, 0],
        [0x83] => vec![2],
        [0x86] => b"A_OPUS".to_vec(),
        [0x44, 0x89] => vec![0x7f; 8],
        _ => Vec::new(),
    }
}

/// A part with these contents, of which its length says this.
fn wrap(form: Form, name: &[u8], claim: Claim, contents: &[u8]) -> Vec<u8> {
    let claimed = |len: usize| match claim {
        Claim::True => len as u64,
        Claim::Off(by) => (len as u64).wrapping_add_signed(i64::from(by)),
        Claim::Open => 0,
        Claim::Any(len) => len,
    };
    let open = claim == Claim::Open;
    match form {
        Form::Box => {
            let len = claimed(8 + contents.len());
            match u32::try_from(len) {
                Ok(len) => [&len.to_be_bytes()[..], name, contents].concat(),
                Err(_) => [&[0, 0, 0, 1][..], name, &len.to_be_bytes(), contents].concat(),
            }
        }
        Form::Element => {
            let most = (1 << 56) - 1;
            let len = if open { most } else { claimed(contents.len()) & most };
            [name, &(len | 1 << 56).to_be_bytes(), contents].concat()
        }
        Form::Descriptor => {
            let len = claimed(contents.len());
            let seven = |shift: u32| (len >> shift & 0x7f) as u8;
            let more = if open { 0x80 } else { 0 };
            let len = [seven(21) | 0x80, seven(14) | 0x80, seven(7) | 0x80, seven(0) | more];
            [name, &len, contents].concat()
        }
    }
}

fn junk_bytes(form: Form, junk: &[Junk]) -> Vec<u8> {
    let names = match form {
        Form::Box => BOXES,
        Form::Element => ELEMENTS,
        Form::Descriptor => DESCRIPTORS,
    };
    let bytes = junk.iter().map(|junk| {
        let name = *junk.kind.get(names);
        let fields = junk.fields.clone().unwrap_or_else(|| fields(name));
        wrap(form, name, junk.claim, &[fields, junk_bytes(form, &junk.parts)].concat())
    });
    bytes.collect::<Vec<_>>().concat()
}

fn tree(spine: Spine, levels: &[Level]) -> Vec<u8> {
    let mut inner = Vec::new();
    let mut inner_form = None;
    for (&(form, name), level) in spine.iter().zip(levels).rev() {
        let within = inner_form.unwrap_or(form);
        let contents = [
            level.fields.clone().unwrap_or_else(|| fields(name)),
            junk_bytes(within, &level.before),
            inner,
            junk_bytes(within, &level.behind),
        ];
        inner = wrap(form, name, level.claim, &contents.concat());
        inner_form = Some(form);
    }
    inner
}

impl Level {
    fn is_straight(&self) -> bool {
        self.claim == Claim::True
            && self.fields.is_none()
            && self.before.is_empty()
            && self.behind.is_empty()
    }
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        20 => Just(Claim::True),
        2 => any::<i8>().prop_map(Claim::Off),
        1 => Just(Claim::Open),
        1 => any::<u64>().prop_map(Claim::Any),
        1 => (0..400_u64).prop_map(Claim::Any),
        1 => (0..400_u64).prop_map(|len| Claim::Any(u64::MAX - len)),
    ]
}

fn some_fields() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        12 => Just(None),
        1 => proptest::collection::vec(any::<u8>(), 0..100).prop_map(Some),
    ]
}

fn junk() -> impl Strategy<Value = Vec<Junk>> {
    let leaf = (any::<prop::sample::Index>(), some_fields(), claim());
    let leaf = leaf.prop_map(|(kind, fields, claim)| Junk { kind, fields, claim, parts: vec![] });
    let tree = leaf.prop_recursive(8, 32, 4, |inner| {
        let parts = proptest::collection::vec(inner, 0..4);
        (any::<prop::sample::Index>(), some_fields(), claim(), parts)
            .prop_map(|(kind, fields, claim, parts)| Junk { kind, fields, claim, parts })
    });
    prop_oneof![8 => Just(vec![]), 1 => proptest::collection::vec(tree, 1..3)]
}

fn level() -> impl Strategy<Value = Level> {
    (claim(), some_fields(), junk(), junk()).prop_map(|(claim, fields, before, behind)| Level {
        claim,
        fields,
        before,
        behind,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The bounds are those of [`described`]; a tree with nothing wrong in it is read to its end.
    #[test]
    fn crooked_trees_are_read_within_the_bounds(
        is_mp4: bool,
        crooked in proptest::collection::vec(level(), 10),
        is_crooked in proptest::collection::vec(proptest::bool::weighted(0.4), 10),
        size in prop_oneof![4 => Just(None), 1 => any::<u64>().prop_map(Some)],
    ) {
        let straight =
            Level { claim: Claim::True, fields: None, before: vec![], behind: vec![] };
        let levels: Vec<Level> = crooked
            .into_iter()
            .zip(is_crooked)
            .map(|(level, is_crooked)| if is_crooked { level } else { straight.clone() })
            .collect();
        let bytes = if is_mp4 {
            [part(b"ftyp", b"isom\0\0\0\0"), tree(MP4, &levels)].concat()
        } else {
            [tree(EBML, &levels[5..]), tree(WEBM, &levels)].concat()
        };
        let media = described(&bytes, size.unwrap_or(bytes.len() as u64));
        if size.is_none() && levels.iter().all(Level::is_straight) {
            let media = media.unwrap();
            if is_mp4 {
                prop_assert_eq!(media.audio, Some(AudioCodec::Mp3));
            } else {
                prop_assert_eq!((media.video, media.width), (Some(VideoCodec::Vp9), 1280));
                prop_assert_eq!((media.container, media.duration), (Container::WebM, 90_500));
            }
        }
    }
}
