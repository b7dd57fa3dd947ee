//! MP4 and `QuickTime`: boxes in boxes, of which `moov` holds everything but the film itself. It stands
//! before the film or, where the writer did not know before how long it would be, behind it.

use mp4_atom::{Atom, Audio, Decode, Esds, FourCC, Mehd, Mvhd, Visual};
use wire::app::media::{AudioCodec, Container, Index, Media, VideoCodec};

use super::{Bytes, Source, duration};

/// Longest box whose contents are read: they have some hundred bytes.
const MAX_BOX: u64 = 64 << 10;
/// Most tracks that are looked at.
const MAX_TRACKS: usize = 64;

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
            b"mvhd" => {
                let mvhd: Mvhd = decode(source, part)?;
                scale = mvhd.timescale;
                // All bits set: not known.
                let is_known = mvhd.duration != u64::MAX && mvhd.duration != u64::from(u32::MAX);
                units = if is_known { mvhd.duration } else { 0 };
            }
            // In a fragmented film the length of all fragments stands elsewhere, if anywhere.
            b"mvex" if units == 0 => {
                let mehd = find(source, part, *b"mehd").and_then(|part| decode(source, part));
                units = mehd.map_or(0, |mehd: Mehd| mehd.fragment_duration);
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

fn track<B: Bytes>(source: &mut Source<'_, B>, trak: Part) -> Option<Track> {
    let mdia = find(source, trak, *b"mdia")?;
    let handler = find(source, mdia, *b"hdlr")?;
    // Version, flags and four bytes; the kind of the track; a name, of which there are too many forms.
    let handler: [u8; 12] = source.array(handler.start).filter(|_| handler.holds(12))?;
    let minf = find(source, mdia, *b"minf")?;
    let stbl = find(source, minf, *b"stbl")?;
    let stsd = find(source, stbl, *b"stsd")?;
    // Version, flags, and how many there are: the first says how the track is written.
    let entry = next(source, stsd, stsd.start.checked_add(8)?)?;
    let kind = entry.kind;
    match &handler[8..] {
        b"vide" => {
            let visual = contents(source, entry).and_then(|it| Visual::decode(&mut &it[..]).ok());
            let size = visual.map_or((0, 0), |visual| (visual.width, visual.height));
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
    let contents = contents(source, entry)?;
    let mut rest = &contents[..];
    Audio::decode(&mut rest).ok()?;
    let begin = entry.end.checked_sub(rest.len() as u64)?;
    let esds = find(source, Part { start: begin, ..entry }, *b"esds")?;
    let esds: Esds = decode(source, esds)?;
    Some(match esds.es_desc.dec_config.object_type_indication {
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

fn brand<B: Bytes>(source: &mut Source<'_, B>, ftyp: Part) -> Option<Container> {
    let brand: [u8; 4] = source.array(ftyp.start).filter(|_| ftyp.holds(4))?;
    Some(if brand == *b"qt  " { Container::QuickTime } else { Container::Mp4 })
}

impl Part {
    /// Whether it has so many bytes.
    const fn holds(self, len: u64) -> bool {
        self.end - self.start >= len
    }
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

fn contents<B: Bytes>(source: &mut Source<'_, B>, part: Part) -> Option<Vec<u8>> {
    let len = part.end - part.start;
    if len > MAX_BOX {
        return None;
    }
    source.read(part.start, len)
}

/// What stands in a box that holds no others.
fn decode<A: Atom, B: Bytes>(source: &mut Source<'_, B>, part: Part) -> Option<A> {
    debug_assert_eq!(FourCC::new(&part.kind), A::KIND);
    let contents = contents(source, part)?;
    A::decode_body(&mut &contents[..]).ok()
}
