//! Small films for tests: headers as programs write them, and junk where the film would be.

/// A box.
pub(crate) fn part(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + contents.len()).unwrap();
    [&len.to_be_bytes()[..], kind, contents].concat()
}

fn mvhd(scale: u32, units: u32) -> Vec<u8> {
    let numbers = [0, 0, 0, scale, units].map(u32::to_be_bytes).concat();
    part(b"mvhd", &[&numbers[..], &[0; 80]].concat())
}

/// A track: `vide` or `soun`, and the description of how it is written.
pub(crate) fn trak(handler: &[u8; 4], entry: &[u8]) -> Vec<u8> {
    let hdlr = part(b"hdlr", &[&[0; 8][..], handler, &[0; 12], b"name\0"].concat());
    let stsd = part(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], entry].concat());
    // More samples than there are bytes in the file: a table that nobody needs here.
    let stsz = part(b"stsz", &[&[0; 8][..], &[0xff; 4]].concat());
    let minf = part(b"minf", &part(b"stbl", &[stsz, stsd].concat()));
    part(b"trak", &part(b"mdia", &[part(b"mdhd", &[0; 24]), hdlr, minf].concat()))
}

/// How a picture is written.
pub(crate) fn picture(kind: &[u8; 4], width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    part(kind, &[&[0; 24][..], &size, &[0; 50]].concat())
}

/// How a sound of `mp4a` is written.
pub(crate) fn sound(object_type: u8) -> Vec<u8> {
    let config = [&[object_type, 0x15, 0, 0, 0][..], &[0; 8]].concat();
    let config = [&[4, 13][..], &config, &[6, 1, 2]].concat();
    let stream = [&[3, 21, 0, 1, 0][..], &config].concat();
    let esds = part(b"esds", &[&[0; 4][..], &stream].concat());
    let audio = [&[0; 16][..], &[0, 2, 0, 16, 0, 0, 0, 0, 0xbb, 0x80, 0, 0]].concat();
    part(b"mp4a", &[audio, esds].concat())
}

/// A descriptor of MPEG-4, with a length of four bytes.
pub(crate) fn descriptor(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = u32::try_from(contents.len()).unwrap();
    let more = |shift: u32| (len >> shift & 0x7f) as u8 | 0x80;
    [&[tag, more(21), more(14), more(7), more(0) & 0x7f][..], contents].concat()
}

/// The box `moov` of a film of 754 s.
pub(crate) fn moov(tracks: &[Vec<u8>]) -> Vec<u8> {
    part(b"moov", &[mvhd(600, 754 * 600), tracks.concat()].concat())
}

/// What the film itself would be.
const FILM: [u8; 5000] = [7; 5000];

/// 754 s of H.264 and AAC, 1920x1080, whose index stands before the film or behind it.
pub(crate) fn mp4(index_is_first: bool) -> Vec<u8> {
    let ftyp = part(b"ftyp", b"isom\0\0\x02\0isomavc1");
    let moov = moov(&[trak(b"vide", &picture(b"avc1", 1920, 1080)), trak(b"soun", &sound(0x40))]);
    let mdat = part(b"mdat", &FILM);
    let rest = if index_is_first { [moov, mdat] } else { [mdat, moov] };
    [ftyp, rest.concat()].concat()
}

/// An element of Matroska, with a length of eight bytes.
pub(crate) fn element(id: &[u8], contents: &[u8]) -> Vec<u8> {
    let len = (contents.len() as u64 | 1 << 56).to_be_bytes();
    [id, &len, contents].concat()
}

/// A segment of `WebM` that holds this.
pub(crate) fn segment(contents: &[u8]) -> Vec<u8> {
    let header = [
        element(&[0x42, 0x82], b"webm"),
        element(&[0x42, 0x87], &[4]),
        element(&[0x42, 0x85], &[2]),
    ];
    let header = element(&[0x1a, 0x45, 0xdf, 0xa3], &header.concat());
    [header, element(&[0x18, 0x53, 0x80, 0x67], contents)].concat()
}

/// The elements `Info`, of 90.5 s, and `Tracks`, of VP9 with 1280x720 and Opus.
pub(crate) fn info_and_tracks() -> [Vec<u8>; 2] {
    let info = [
        element(&[0x2a, 0xd7, 0xb1], &1_000_000_u32.to_be_bytes()),
        element(&[0x44, 0x89], &90_500_f64.to_be_bytes()),
        element(&[0x4d, 0x80], b"a"),
        element(&[0x57, 0x41], b"b"),
    ];
    let track = |number: u8, kind: u8, codec: &str, more: &[u8]| {
        let head = [
            element(&[0xd7], &[number]),
            element(&[0x73, 0xc5], &[number]),
            element(&[0x83], &[kind]),
            element(&[0x86], codec.as_bytes()),
        ];
        element(&[0xae], &[&head.concat(), more].concat())
    };
    let size = [element(&[0xb0], &[5, 0]), element(&[0xba], &[2, 0xd0])].concat();
    let rate = element(&[0xb5], &48_000_f64.to_be_bytes());
    let rate = [rate, element(&[0x9f], &[2])].concat();
    let tracks = [
        track(1, 1, "V_VP9", &element(&[0xe0], &size)),
        track(2, 2, "A_OPUS", &element(&[0xe1], &rate)),
    ];
    let info = element(&[0x15, 0x49, 0xa9, 0x66], &info.concat());
    [info, element(&[0x16, 0x54, 0xae, 0x6b], &tracks.concat())]
}

/// 90.5 s of VP9 and Opus, 1280x720, with a checksum first and a seek head that points to itself.
pub(crate) fn webm() -> Vec<u8> {
    let checksum = element(&[0xbf], &[1, 2, 3, 4]);
    let seek = [element(&[0x53, 0xab], &[0x11, 0x4d, 0x9b, 0x74]), element(&[0x53, 0xac], &[13])];
    let seek = element(&[0x11, 0x4d, 0x9b, 0x74], &element(&[0x4d, 0xbb], &seek.concat()));
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &FILM);
    segment(&[checksum, seek, info_and_tracks().concat(), cluster].concat())
}
