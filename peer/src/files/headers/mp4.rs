//! MP4 (ISO/IEC 14496-12, whose sections are named here) and `QuickTime`: boxes in boxes, of which `moov`
//! holds everything but the film itself. It stands before the film or, where the writer did not know
//! before how long it would be, behind it.

use wire::app::media::{AudioCodec, Container, Index, Media, VideoCodec};

use super::{Bytes, Source, duration};

/// Longest `esds` that is read: it has some dozens of bytes.
const MAX_DESCRIPTORS: u64 = 4 << 10;
/// Most tracks that are looked at.
const MAX_TRACKS: usize = 64;

/// Tags of the descriptors of a stream and, in it, of its decoder (ISO/IEC 14496-1, 7.2.2.1).
const STREAM: u8 = 3;
const DECODER: u8 = 4;

/// A box: what it is, and where its contents are.
#[derive(Clone, Copy)]
struct Part {
    kind: [u8; 4],
    start: u64,
    end: u64,
}

/// What one track says.
#[derive(Clone, Copy)]
enum Track {
    Picture(VideoCodec, (u16, u16)),
    Sound(AudioCodec),
}

pub(super) fn read<B: Bytes>(source: &mut Source<'_, B>) -> Option<Media> {
    let whole = Part { kind: *b"file", start: 0, end: source.size };
    let (mut container, mut index, mut at) = (Container::QuickTime, Index::Front, 0);
    let moov = loop {
        let part = next(source, whole, at)?;
        match &part.kind {
            b"moov" => break part,
            b"mdat" => index = Index::End,
            b"ftyp" => container = brand(source, part)?,
            // What else may stand before them in an old or a fragmented file.
            b"wide" | b"free" | b"skip" | b"pnot" | b"uuid" | b"styp" | b"sidx" | b"meta" => {}
            // It is no such file, or one in which more is asked of a reader than we know.
            _ if at == 0 => return None,
            _ => {}
        }
        at = part.end;
    };
    let mut media =
        Media { container, duration: 0, width: 0, height: 0, video: None, audio: None, index };
    film(source, moov, &mut media)?;
    Some(media)
}

/// What the box `moov` says.
fn film<B: Bytes>(source: &mut Source<'_, B>, moov: Part, media: &mut Media) -> Option<()> {
    let (mut scale, mut units, mut tracks, mut at) = (0, 0, 0, moov.start);
    // What follows a box that makes no sense does not either; what stood before it does.
    while let Some(part) = next(source, moov, at) {
        at = part.end;
        match &part.kind {
            b"mvhd" => (scale, units) = movie_header(source, part)?,
            // In a fragmented film the length of all fragments stands elsewhere, if anywhere.
            b"mvex" if units == 0 => {
                let mehd = find(source, part, *b"mehd");
                units = mehd.and_then(|mehd| fragments_header(source, mehd)).unwrap_or(0);
            }
            b"trak" if tracks < MAX_TRACKS => {
                tracks += 1;
                match track(source, part) {
                    Some(Track::Picture(codec, (width, height))) if media.video.is_none() => {
                        (media.video, media.width, media.height) = (Some(codec), width, height);
                    }
                    Some(Track::Sound(codec)) if media.audio.is_none() => media.audio = Some(codec),
                    Some(Track::Picture(..) | Track::Sound(_)) | None => {}
                }
            }
            _ => {}
        }
    }
    let millis = (u128::from(units) * 1000).checked_div(u128::from(scale));
    media.duration = duration(millis.unwrap_or(0));
    Some(())
}

/// The time scale, and how many of its units the film lasts: `mvhd` (8.2.2), behind its times of
/// creation and of change.
fn movie_header<B: Bytes>(source: &mut Source<'_, B>, mvhd: Part) -> Option<(u32, u64)> {
    let (scale, units) = match version(source, mvhd)? {
        0 => (field(source, mvhd, 12)?, u64::from(u32::from_be_bytes(field(source, mvhd, 16)?))),
        1 => (field(source, mvhd, 20)?, u64::from_be_bytes(field(source, mvhd, 24)?)),
        _ => return None,
    };
    // All bits set: not known.
    let is_known = units != u64::MAX && units != u64::from(u32::MAX);
    Some((u32::from_be_bytes(scale), if is_known { units } else { 0 }))
}

/// How many units all fragments last: `mehd` (8.8.2).
fn fragments_header<B: Bytes>(source: &mut Source<'_, B>, mehd: Part) -> Option<u64> {
    match version(source, mehd)? {
        0 => field(source, mehd, 4).map(|units| u64::from(u32::from_be_bytes(units))),
        1 => field(source, mehd, 4).map(u64::from_be_bytes),
        _ => None,
    }
}

/// `hdlr` (8.4.3) says of what kind a track is, and the first entry of `stsd` (8.5.2) how it is written.
fn track<B: Bytes>(source: &mut Source<'_, B>, trak: Part) -> Option<Track> {
    let mdia = find(source, trak, *b"mdia")?;
    let handler = find(source, mdia, *b"hdlr")?;
    // Behind version, flags and four bytes.
    let handler: [u8; 4] = field(source, handler, 8)?;
    let minf = find(source, mdia, *b"minf")?;
    let stbl = find(source, minf, *b"stbl")?;
    let stsd = find(source, stbl, *b"stsd")?;
    // Version, flags, and how many there are: the first says how the track is written.
    let entry = next(source, stsd, stsd.start.checked_add(8)?)?;
    let kind = entry.kind;
    match &handler {
        b"vide" => {
            // Behind what all entries have, and 16 bytes (12.1.3).
            let size = field(source, entry, 24).map_or((0, 0), |[a, b, c, d]| {
                (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
            });
            let size = if size.0 == 0 || size.1 == 0 { (0, 0) } else { size };
            Some(Track::Picture(picture(kind), size))
        }
        b"soun" => Some(Track::Sound(sound(source, entry))),
        _ => None,
    }
}

/// What a picture's code says. `encv`, of one that is protected, says nothing.
fn picture(kind: [u8; 4]) -> VideoCodec {
    match &kind {
        b"avc1" | b"avc2" | b"avc3" | b"avc4" => VideoCodec::H264,
        b"hvc1" | b"hvc2" | b"hev1" | b"hev2" | b"dvh1" | b"dvhe" => VideoCodec::H265,
        b"vvc1" | b"vvi1" => VideoCodec::H266,
        b"av01" => VideoCodec::Av1,
        b"vp08" => VideoCodec::Vp8,
        b"vp09" => VideoCodec::Vp9,
        b"mp4v" => VideoCodec::Mpeg4,
        b"mp2v" | b"m2v1" => VideoCodec::Mpeg2,
        b"apch" | b"apcn" | b"apcs" | b"apco" | b"ap4h" | b"ap4x" => VideoCodec::ProRes,
        b"jpeg" | b"mjpa" | b"mjpb" => VideoCodec::Mjpeg,
        _ => VideoCodec::Other,
    }
}

fn sound<B: Bytes>(source: &mut Source<'_, B>, entry: Part) -> AudioCodec {
    match &entry.kind {
        b"mp4a" => mpeg_sound(source, entry).unwrap_or(AudioCodec::Aac),
        b".mp3" | b"mp3 " => AudioCodec::Mp3,
        b"Opus" => AudioCodec::Opus,
        b"fLaC" => AudioCodec::Flac,
        b"alac" => AudioCodec::Alac,
        b"ac-3" => AudioCodec::Ac3,
        b"ec-3" => AudioCodec::Eac3,
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => AudioCodec::Dts,
        b"mlpa" => AudioCodec::TrueHd,
        b"lpcm" | b"sowt" | b"twos" | b"raw " | b"in24" | b"in32" | b"fl32" | b"ipcm" | b"fpcm" => {
            AudioCodec::Pcm
        }
        _ => AudioCodec::Other,
    }
}

/// `mp4a` holds whatever a descriptor in it says: AAC nearly always.
fn mpeg_sound<B: Bytes>(source: &mut Source<'_, B>, entry: Part) -> Option<AudioCodec> {
    // Fields come first (12.2.3), and more of them where `QuickTime` says that it has a later version.
    let fields = match u16::from_be_bytes(field(source, entry, 8)?) {
        0 => 28,
        1 => 28 + 16,
        2 => 28 + 36,
        _ => return None,
    };
    let esds = find(source, Part { start: entry.start.checked_add(fields)?, ..entry }, *b"esds")?;
    let len = esds.end - esds.start;
    if len > MAX_DESCRIPTORS {
        return None;
    }
    let esds = source.read(esds.start, len)?;
    // Behind version and flags.
    let object_type = object_type(descriptor(esds.get(4..)?, STREAM)?)?;
    Some(match object_type {
        0x40 | 0x66..=0x68 => AudioCodec::Aac,
        0x69 | 0x6b => AudioCodec::Mp3,
        0xa5 => AudioCodec::Ac3,
        0xa6 => AudioCodec::Eac3,
        0xa9 => AudioCodec::Dts,
        0xad => AudioCodec::Opus,
        0xdd => AudioCodec::Vorbis,
        _ => AudioCodec::Other,
    })
}

/// What a stream's descriptor says that its decoder has to know. Fields come first, by flags.
fn object_type(stream: &[u8]) -> Option<u8> {
    let (&[_, _, flags], mut rest) = stream.split_first_chunk()?;
    if flags & 0x80 != 0 {
        // The stream on which it depends.
        rest = rest.get(2..)?;
    }
    if flags & 0x40 != 0 {
        // Its address, and the length of that.
        let (&len, address) = rest.split_first()?;
        rest = address.get(usize::from(len)..)?;
    }
    if flags & 0x20 != 0 {
        // The stream that is its clock.
        rest = rest.get(2..)?;
    }
    descriptor(rest, DECODER)?.first().copied()
}

/// The contents of the first descriptor with this tag, of those that stand here one after another.
fn descriptor(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    loop {
        let (&kind, mut rest) = bytes.split_first()?;
        // At most four times seven bits of a length; the first bit of each says whether more come.
        let (mut len, mut count) = (0, 0);
        loop {
            let (&byte, more) = rest.split_first()?;
            (rest, count) = (more, count + 1);
            len = len << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                break;
            }
            if count == 4 {
                return None;
            }
        }
        let (contents, more) = rest.split_at_checked(len)?;
        if kind == tag {
            return Some(contents);
        }
        bytes = more;
    }
}

fn brand<B: Bytes>(source: &mut Source<'_, B>, ftyp: Part) -> Option<Container> {
    let brand: [u8; 4] = field(source, ftyp, 0)?;
    Some(if brand == *b"qt  " { Container::QuickTime } else { Container::Mp4 })
}

/// The box that begins there in another one.
fn next<B: Bytes>(source: &mut Source<'_, B>, within: Part, at: u64) -> Option<Part> {
    source.count_box()?;
    let head: [u8; 8] = source.array(at)?;
    let [a, b, c, d, kind @ ..] = head;
    let (header, len) = match u32::from_be_bytes([a, b, c, d]) {
        // It ends with what it stands in.
        0 => (8, within.end.checked_sub(at)?),
        1 => (16, u64::from_be_bytes(source.array(at.checked_add(8)?)?)),
        len => (8, u64::from(len)),
    };
    let (start, end) = (at.checked_add(header)?, at.checked_add(len)?);
    (start <= end && end <= within.end).then_some(Part { kind, start, end })
}

/// The first box of this kind in another one.
fn find<B: Bytes>(source: &mut Source<'_, B>, within: Part, kind: [u8; 4]) -> Option<Part> {
    let mut at = within.start;
    loop {
        let part = next(source, within, at)?;
        if part.kind == kind {
            return Some(part);
        }
        at = part.end;
    }
}

/// So many bytes of a box from there on, if it has them.
fn field<const N: usize, B: Bytes>(
    source: &mut Source<'_, B>,
    part: Part,
    offset: u64,
) -> Option<[u8; N]> {
    let start = part.start.checked_add(offset)?;
    if start.checked_add(N as u64)? > part.end {
        return None;
    }
    source.array(start)
}

/// The version that a box begins with, before its flags (4.2.2).
fn version<B: Bytes>(source: &mut Source<'_, B>, part: Part) -> Option<u8> {
    field(source, part, 0).map(|[version]| version)
}
