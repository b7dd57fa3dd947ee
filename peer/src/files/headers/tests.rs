//! What headers say, and what happens to those that lie.

mod trees;

use std::cell::Cell;

use proptest::prelude::*;
use wire::app::media::{AudioCodec, Container, Index, VideoCodec};

use super::samples::{
    descriptor, element, info_and_tracks, moov, mp4, part, picture, segment, sound, trak, webm,
};
use super::*;

/// A file in memory, which counts what is read of it.
struct Memory<'a> {
    bytes: &'a [u8],
    read: Cell<u64>,
    calls: Cell<u64>,
}

impl Bytes for Memory<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.set(self.read.get() + buffer.len() as u64);
        self.calls.set(self.calls.get() + 1);
        let start = usize::try_from(offset).expect("within the file");
        let end = start.checked_add(buffer.len()).expect("within the file");
        // A file may have become shorter since.
        let range = self.bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(range);
        Ok(())
    }
}

/// What a file that claims this size says of itself. Reads no more than it may.
fn described(bytes: &[u8], size: u64) -> Option<Media> {
    let memory = Memory { bytes, read: Cell::new(0), calls: Cell::new(0) };
    let media = Source::new(&memory, size).describe();
    assert!(memory.read.get() <= MAX_READ, "{} bytes", memory.read.get());
    // Up to four for where a box lies, and one for what stands in it.
    assert!(memory.calls.get() <= 5 * u64::from(MAX_BOXES), "{} calls", memory.calls.get());
    assert!(media.is_none_or(|media| media.is_possible()));
    media
}

fn read(bytes: &[u8]) -> Option<Media> {
    described(bytes, bytes.len() as u64)
}

const FILM: Media = Media {
    container: Container::Mp4,
    duration: 754_000,
    width: 1920,
    height: 1080,
    video: Some(VideoCodec::H264),
    audio: Some(AudioCodec::Aac),
    index: Index::Front,
};

#[test]
fn an_mp4_tells_where_its_index_is() {
    assert_eq!(read(&mp4(true)), Some(FILM));
    assert_eq!(read(&mp4(false)), Some(Media { index: Index::End, ..FILM }));
}

#[test]
fn a_webm_is_read_past_what_would_lead_in_circles() {
    let film = Media {
        container: Container::WebM,
        duration: 90_500,
        width: 1280,
        height: 720,
        video: Some(VideoCodec::Vp9),
        audio: Some(AudioCodec::Opus),
        index: Index::Front,
    };
    assert_eq!(read(&webm()), Some(film));
    // As a recorder writes it that does not know yet how long all of it will be.
    let mut open = webm();
    let length = open.windows(4).position(|it| it == [0x18, 0x53, 0x80, 0x67]).unwrap() + 4;
    open[length..length + 8].copy_from_slice(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(read(&open), Some(film));
    let [info, tracks] = info_and_tracks();
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &[]);
    assert_eq!(read(&segment(&[&tracks[..], &info, &cluster].concat())), Some(film));
    assert_eq!(read(&segment(&[&info[..], &cluster, &tracks].concat())), None);
    assert_eq!(read(&segment(&info)), None);
}

/// The clip that the tests of the programs send.
#[test]
fn a_file_on_disk_is_described() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/media/clip.mp4");
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let media = describe(&file, size).unwrap();
    assert_eq!((media.container, media.video), (Container::Mp4, Some(VideoCodec::H264)));
    assert!(media.duration > 0 && media.width > 0, "{media:?}");
}

#[test]
fn codecs_are_told_apart() {
    let ftyp = |brand: &[u8]| part(b"ftyp", brand);
    let of = |tracks: &[Vec<u8>]| read(&[ftyp(b"qt  \0\0\0\0"), moov(tracks)].concat());
    let film = of(&[trak(b"vide", &picture(b"hvc1", 3840, 2160))]).unwrap();
    assert_eq!((film.container, film.video), (Container::QuickTime, Some(VideoCodec::H265)));
    assert_eq!((film.width, film.height, film.audio), (3840, 2160, None));
    let song = of(&[trak(b"soun", &sound(0x6b))]).unwrap();
    assert_eq!((song.audio, song.video, song.width), (Some(AudioCodec::Mp3), None, 0));
    // What nobody knows, and a picture without a size, are told as such.
    let odd = of(&[trak(b"vide", &picture(b"\x1b[2J", 0, 5)), trak(b"soun", &part(b"zzzz", b""))]);
    let odd = odd.unwrap();
    assert_eq!((odd.video, odd.audio), (Some(VideoCodec::Other), Some(AudioCodec::Other)));
    assert_eq!((odd.width, odd.height), (0, 0));
    // Of several tracks the first of each kind counts; others are passed over.
    let tracks = [
        trak(b"text", &part(b"tx3g", b"")),
        trak(b"soun", &part(b"Opus", b"")),
        trak(b"vide", &picture(b"av01", 64, 48)),
        trak(b"vide", &picture(b"jpeg", 600, 600)),
    ];
    let film = of(&tracks).unwrap();
    assert_eq!((film.video, film.audio), (Some(VideoCodec::Av1), Some(AudioCodec::Opus)));
    assert_eq!(film.width, 64);
    assert_eq!(of(&[]), None, "nothing in it can be seen or heard");
}

#[test]
fn a_fragmented_film_says_its_length_elsewhere_or_nowhere() {
    let mvhd = |units: [u8; 4]| {
        let numbers = [&[0; 12][..], &[0, 0, 0x03, 0xe8], &units, &[0; 80]].concat();
        part(b"mvhd", &numbers)
    };
    let track = trak(b"vide", &picture(b"avc1", 64, 48));
    let mehd = part(b"mvex", &part(b"mehd", &[0, 0, 0, 0, 0, 0, 0x30, 0x39]));
    let of = |parts: &[&[u8]]| {
        let moov = part(b"moov", &parts.concat());
        read(&[part(b"ftyp", b"iso5\0\0\0\0"), moov].concat()).unwrap().duration
    };
    assert_eq!(of(&[&mvhd([0; 4]), &track, &mehd]), 12_345);
    assert_eq!(of(&[&mvhd([0xff; 4]), &track]), 0);
    assert_eq!(of(&[&mvhd([0; 4]), &track]), 0);
    assert_eq!(of(&[&track]), 0, "no time scale at all");
}

/// Later versions of boxes have wider numbers, and more fields.
#[test]
fn all_versions_of_boxes_are_read() {
    let long = [&[1, 0, 0, 0][..], &[0; 16], &[0, 0, 0, 10], &[0, 0, 0, 0, 0, 0, 0, 25], &[0; 80]];
    let esds = |flags: u8, more: &[u8]| {
        let config = [&[4, 13, 0x6b][..], &[0; 12]].concat();
        // Descriptors that are not known stand beside those that are, and within them.
        let stream = [&[0, 1, flags][..], more, &[0x7f, 1, 9], &config].concat();
        part(b"esds", &[&[0; 4][..], &[0x7f, 0], &descriptor(3, &stream)].concat())
    };
    let sound = |version: u8, fields: usize, esds: &[u8]| {
        let mut fields = vec![0; fields];
        fields[9] = version;
        trak(b"soun", &part(b"mp4a", &[&fields[..], esds].concat()))
    };
    let of = |track: &[u8]| {
        let moov = part(b"moov", &[&part(b"mvhd", &long.concat())[..], track].concat());
        let media = read(&[part(b"ftyp", b"isom\0\0\0\0"), moov].concat()).unwrap();
        (media.duration, media.audio.unwrap())
    };
    for (version, fields) in [(0, 28), (1, 44), (2, 64)] {
        assert_eq!(of(&sound(version, fields, &esds(0, b""))), (2500, AudioCodec::Mp3));
    }
    for (flags, more) in
        [(0x80, &b"ab"[..]), (0x40, b"\x03url"), (0x20, b"ab"), (0xe0, b"ab\x01uab")]
    {
        assert_eq!(of(&sound(0, 28, &esds(flags, more))), (2500, AudioCodec::Mp3));
    }
    // A version or an address that cannot be: what `mp4a` is nearly always.
    assert_eq!(of(&sound(3, 28, &esds(0, b""))).1, AudioCodec::Aac);
    assert_eq!(of(&sound(0, 28, &esds(0x40, b"\xff"))).1, AudioCodec::Aac);
    assert_eq!(of(&sound(0, 28, &part(b"esds", &[0; 5000]))).1, AudioCodec::Aac);
}

#[test]
fn what_is_no_film_has_no_description() {
    for bytes in [&b""[..], b"short", b"plain text, and no film", &[0; 5000], &[0xff; 5000]] {
        assert_eq!(read(bytes), None);
    }
    let mut avi = mp4(true);
    avi[4..8].copy_from_slice(b"RIFF");
    assert_eq!(read(&avi), None);
}

#[test]
fn lengths_that_lie_lead_nowhere() {
    for whole in [mp4(true), mp4(false), webm()] {
        let film = read(&whole);
        for len in 0..whole.len().min(1200) {
            // Cut off, with the true size and with that which it had.
            let cut = &whole[..len];
            assert!(read(cut).is_none_or(|it| Some(it) == film || it.audio.is_none()), "{len}");
            assert!(
                described(cut, whole.len() as u64)
                    .is_none_or(|it| Some(it) == film || it.audio.is_none())
            );
        }
    }
    let ftyp = part(b"ftyp", b"isom\0\0\0\0");
    let huge = |len: u64| {
        let mdat = [&[0, 0, 0, 1][..], b"mdat", &len.to_be_bytes()].concat();
        described(&[&ftyp[..], &mdat, &mp4(true)[24..]].concat(), u64::MAX)
    };
    for len in [0, 1, 15, u64::MAX, u64::MAX - 16, 1 << 63] {
        assert_eq!(huge(len), None, "{len}");
    }
    let endless = [&ftyp[..], &[0, 0, 0, 0], b"mdat", &[7; 100]].concat();
    assert_eq!(read(&endless), None);
    // A header that claims to be all the tracks there could be.
    let mut tracks = info_and_tracks();
    tracks[1][4..12].copy_from_slice(&[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    assert_eq!(described(&segment(&tracks.concat()), 1 << 60), None);
}

#[test]
fn many_boxes_and_deep_ones_are_not_followed_for_ever() {
    let ftyp = part(b"ftyp", b"isom\0\0\0\0");
    let many = part(b"free", b"").repeat(100_000);
    assert_eq!(read(&[&ftyp[..], &many, &mp4(true)].concat()), None);
    assert_eq!(read(&[&ftyp[..], &part(b"moov", &many)].concat()), None);
    let one = trak(b"meta", &part(b"zzzz", b""));
    assert_eq!(read(&[&ftyp[..], &moov(&vec![one; 10_000])].concat()), None);
    // Sound in sound in sound: a recursion for whoever reads all that there is.
    let mut deep = part(b"mp4a", &[0; 28]);
    while deep.len() < 60_000 {
        deep = part(b"mp4a", &[&[0; 28][..], &deep].concat());
    }
    let film = read(&[&ftyp[..], &moov(&[trak(b"soun", &deep)])].concat()).unwrap();
    assert_eq!(film.audio, Some(AudioCodec::Aac));
    // Elements without contents, as many as fit, and masters in masters.
    let many = element(&[0x16, 0x54, 0xae, 0x6b], &[0xae, 0x80].repeat(100_000));
    assert_eq!(read(&segment(&[&info_and_tracks()[0][..], &many].concat())), None);
    let mut deep = element(&[0xae], &[]);
    while deep.len() < 200_000 {
        deep = element(&[0xe0], &element(&[0xae], &deep));
    }
    let deep = element(&[0x16, 0x54, 0xae, 0x6b], &deep);
    assert_eq!(read(&segment(&[&info_and_tracks()[0][..], &deep].concat())), None);
}

/// Descriptors within descriptors, as many as fit, are not followed down.
#[test]
fn deep_descriptors_are_not_followed() {
    let mut deep = Vec::new();
    while deep.len() < 60_000 {
        deep = descriptor(3, &[&[0, 1, 0][..], &deep].concat());
    }
    let esds = part(b"esds", &[&[0; 4][..], &deep].concat());
    let deep = part(b"mp4a", &[&[0; 28][..], &esds].concat());
    let ftyp = part(b"ftyp", b"isom\0\0\0\0");
    let film = read(&[ftyp, moov(&[trak(b"soun", &deep)])].concat()).unwrap();
    assert_eq!(film.audio, Some(AudioCodec::Aac), "what `mp4a` is nearly always");
}

/// A last child that ends behind its parent would have a reader go on in what stands there.
#[test]
fn no_element_reaches_out_of_the_one_that_holds_it() {
    let [info, tracks] = info_and_tracks();
    let good = [&info[..], &tracks].concat();
    let film = read(&segment(&good));
    assert!(film.is_some());
    let void = |claimed: u8| [&[0xec, 0x80 | claimed][..], &[0; 4]].concat();
    // In the first element: the contents of the segment seem to be what follows.
    let header = |last: &[u8]| {
        let fields = [
            element(&[0x42, 0x82], b"matroska"),
            element(&[0x42, 0x87], &[4]),
            element(&[0x42, 0x85], &[2]),
            last.to_vec(),
        ];
        let ebml = element(&[0x1a, 0x45, 0xdf, 0xa3], &fields.concat());
        // A seek head that names itself, for a reader that gets to it.
        let seek =
            [element(&[0x53, 0xab], &[0x11, 0x4d, 0x9b, 0x74]), element(&[0x53, 0xac], &[0])];
        let seek = element(&[0x11, 0x4d, 0x9b, 0x74], &element(&[0x4d, 0xbb], &seek.concat()));
        read(&[ebml, element(&[0x18, 0x53, 0x80, 0x67], &[&seek[..], &good].concat())].concat())
    };
    assert!(header(&void(4)).is_some());
    for claimed in [5, 6, 16, 40, 126] {
        assert_eq!(header(&void(claimed)), None, "{claimed}");
    }
    // At the end of `Info`, of `Tracks`, of a track, and of its picture.
    let wrapped = |id: &[u8], last: &[u8]| element(id, &[&[0xd7, 0x81, 1][..], last].concat());
    for claimed in [4, 5, 6, 40, 126] {
        let void = void(claimed);
        let in_info = with_more(&info, 4, &void);
        let in_tracks = with_more(&tracks, 4, &void);
        let track = wrapped(&[0xae], &void);
        let in_track = with_more(&tracks, 4, &track);
        let picture = wrapped(&[0xae], &[&[0x83, 0x81, 1][..], &element(&[0xe0], &void)].concat());
        let in_picture = with_more(&tracks, 4, &picture);
        for parts in
            [[&in_info, &tracks], [&info, &in_tracks], [&info, &in_track], [&info, &in_picture]]
        {
            // More follows, into which it would reach.
            let rest = [&parts[0][..], parts[1], &[0; 200]].concat();
            let expected = film.filter(|_| claimed == 4);
            assert_eq!(read(&segment(&rest)), expected, "{claimed}");
        }
    }
}

/// The same element, with more at its end.
fn with_more(whole: &[u8], id: usize, more: &[u8]) -> Vec<u8> {
    element(&whole[..id], &[&whole[id + 8..], more].concat())
}

/// Positions and new values of bytes; half of them where the headers are.
fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
        .prop_map(|changes| changes.into_iter().map(|(at, to)| (at.index(1200), to)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_bytes_are_changed_it_ends_within_its_bounds(
        kind in 0..3_u8,
        changes in changes(),
        size in prop_oneof![Just(None), any::<u64>().prop_map(Some)],
    ) {
        let mut bytes = match kind {
            0 => mp4(true),
            1 => {
                // Where both are within reach of the changes.
                let whole = mp4(true);
                let moov = whole[24..].windows(4).position(|it| it == b"mdat").unwrap() + 20;
                [&whole[..24], &part(b"mdat", &[7; 40]), &whole[24..moov]].concat()
            }
            _ => webm(),
        };
        for (at, to) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
        }
        let _ = described(&bytes, size.unwrap_or(bytes.len() as u64));
    }

    #[test]
    fn junk_behind_the_first_bytes_is_no_film(junk in proptest::collection::vec(any::<u8>(), 0..300)) {
        let ebml = [&[0x1a, 0x45, 0xdf, 0xa3][..], &junk].concat();
        let ftyp = [&part(b"ftyp", b"isom\0\0\0\0")[..], &junk].concat();
        let moov = [&part(b"ftyp", b"isom\0\0\0\0")[..], &part(b"moov", &junk)].concat();
        for bytes in [&junk, &ebml, &ftyp, &moov] {
            prop_assert_eq!(read(bytes), None);
        }
    }
}
