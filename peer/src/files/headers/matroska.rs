//! Matroska (RFC 9559) and `WebM`: elements in elements (RFC 8794). What a player needs stands before the
//! first cluster, so such a film always plays while it arrives.

use wire::app::media::{AudioCodec, Container, Index, Media, VideoCodec};

use super::{Bytes, Source, duration};

/// How such a file begins: the element `EBML`.
pub(super) const MAGIC: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

const EBML: u32 = 0x1a45_dfa3;
const DOC_TYPE: u32 = 0x4282;
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const INFO: u32 = 0x1549_a966;
const TIMESTAMP_SCALE: u32 = 0x002a_d7b1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const VIDEO: u32 = 0xe0;
const PIXEL_WIDTH: u32 = 0xb0;
const PIXEL_HEIGHT: u32 = 0xba;

/// Most bytes that are read of a text: the names that are known here are shorter.
const MAX_TEXT: u64 = 32;

/// An element: what it is, and where its contents are. One without a length goes on as far as the one
/// that holds it.
#[derive(Clone, Copy)]
struct Element {
    id: u32,
    start: u64,
    end: u64,
}

/// What one track says.
#[derive(Default)]
struct Track {
    kind: u64,
    codec: String,
    size: (u64, u64),
}

pub(super) fn read<B: Bytes>(source: &mut Source<'_, B>) -> Option<Media> {
    // A file that was cut off is described by what is there, so its size is no bound here.
    let ebml = next(source, 0, u64::MAX).filter(|it| it.id == EBML)?;
    let segment = next(source, ebml.end, u64::MAX).filter(|it| it.id == SEGMENT)?;
    let mut media = Media {
        container: container(source, ebml)?,
        duration: 0,
        width: 0,
        height: 0,
        video: None,
        audio: None,
        index: Index::Front,
    };
    let (mut has_info, mut has_tracks, mut at) = (false, false, segment.start);
    while !(has_info && has_tracks) {
        let part = next(source, at, segment.end)?;
        match part.id {
            CLUSTER => return None,
            INFO => {
                media.duration = info(source, part)?;
                has_info = true;
            }
            TRACKS => {
                tracks(source, part, &mut media)?;
                has_tracks = true;
            }
            _ => {}
        }
        at = part.end;
    }
    Some(media)
}

fn container<B: Bytes>(source: &mut Source<'_, B>, ebml: Element) -> Option<Container> {
    let (mut container, mut at) = (None, ebml.start);
    while at < ebml.end {
        let part = next(source, at, ebml.end)?;
        if part.id == DOC_TYPE {
            container = match text(source, part)?.as_str() {
                "webm" => Some(Container::WebM),
                "matroska" => Some(Container::Matroska),
                _ => return None,
            };
        }
        at = part.end;
    }
    container
}

/// How long it is, in milliseconds.
fn info<B: Bytes>(source: &mut Source<'_, B>, info: Element) -> Option<u64> {
    // Nanoseconds of a unit, and how many units it has.
    let (mut scale, mut units, mut at) = (1_000_000, 0.0, info.start);
    while at < info.end {
        let part = next(source, at, info.end)?;
        match part.id {
            TIMESTAMP_SCALE => scale = unsigned(source, part)?,
            DURATION => units = float(source, part)?,
            _ => {}
        }
        at = part.end;
    }
    // What is no number, or too large for one, becomes one that is no length.
    Some(duration((units * scale as f64 / 1e6).round() as u128))
}

/// The first track of each kind counts.
fn tracks<B: Bytes>(source: &mut Source<'_, B>, tracks: Element, media: &mut Media) -> Option<()> {
    let mut at = tracks.start;
    while at < tracks.end {
        let part = next(source, at, tracks.end)?;
        at = part.end;
        if part.id != TRACK_ENTRY {
            continue;
        }
        let track = track(source, part)?;
        match track.kind {
            1 if media.video.is_none() => {
                media.video = Some(picture_codec(&track.codec));
                let side = |length: u64| u16::try_from(length).unwrap_or(0);
                let size = (side(track.size.0), side(track.size.1));
                let size = if size.0 == 0 || size.1 == 0 { (0, 0) } else { size };
                (media.width, media.height) = size;
            }
            2 if media.audio.is_none() => media.audio = Some(sound_codec(&track.codec)),
            _ => {}
        }
    }
    Some(())
}

fn track<B: Bytes>(source: &mut Source<'_, B>, entry: Element) -> Option<Track> {
    let (mut track, mut at) = (Track::default(), entry.start);
    while at < entry.end {
        let part = next(source, at, entry.end)?;
        match part.id {
            TRACK_TYPE => track.kind = unsigned(source, part)?,
            CODEC_ID => track.codec = text(source, part)?,
            VIDEO => track.size = picture_size(source, part)?,
            _ => {}
        }
        at = part.end;
    }
    Some(track)
}

fn picture_size<B: Bytes>(source: &mut Source<'_, B>, video: Element) -> Option<(u64, u64)> {
    let (mut width, mut height, mut at) = (0, 0, video.start);
    while at < video.end {
        let part = next(source, at, video.end)?;
        match part.id {
            PIXEL_WIDTH => width = unsigned(source, part)?,
            PIXEL_HEIGHT => height = unsigned(source, part)?,
            _ => {}
        }
        at = part.end;
    }
    Some((width, height))
}

fn picture_codec(id: &str) -> VideoCodec {
    match id {
        "V_MPEG4/ISO/AVC" => VideoCodec::H264,
        "V_MPEGH/ISO/HEVC" => VideoCodec::H265,
        "V_MPEGI/ISO/VVC" => VideoCodec::H266,
        "V_AV1" => VideoCodec::Av1,
        "V_VP8" => VideoCodec::Vp8,
        "V_VP9" => VideoCodec::Vp9,
        "V_MPEG4/ISO/SP" | "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/AP" => VideoCodec::Mpeg4,
        "V_MPEG1" | "V_MPEG2" => VideoCodec::Mpeg2,
        "V_THEORA" => VideoCodec::Theora,
        "V_PRORES" => VideoCodec::ProRes,
        "V_MJPEG" => VideoCodec::Mjpeg,
        _ => VideoCodec::Other,
    }
}

fn sound_codec(id: &str) -> AudioCodec {
    match id {
        "A_AAC" => AudioCodec::Aac,
        "A_MPEG/L3" | "A_MPEG/L2" | "A_MPEG/L1" => AudioCodec::Mp3,
        "A_OPUS" => AudioCodec::Opus,
        "A_VORBIS" => AudioCodec::Vorbis,
        "A_FLAC" => AudioCodec::Flac,
        "A_ALAC" => AudioCodec::Alac,
        "A_AC3" => AudioCodec::Ac3,
        "A_EAC3" => AudioCodec::Eac3,
        "A_DTS" => AudioCodec::Dts,
        "A_TRUEHD" => AudioCodec::TrueHd,
        _ if id.starts_with("A_AAC/") => AudioCodec::Aac,
        _ if id.starts_with("A_AC3/") => AudioCodec::Ac3,
        _ if id.starts_with("A_DTS/") => AudioCodec::Dts,
        _ if id.starts_with("A_PCM/") => AudioCodec::Pcm,
        _ => AudioCodec::Other,
    }
}

/// The element that begins there in another one, and ends within it.
fn next<B: Bytes>(source: &mut Source<'_, B>, at: u64, within: u64) -> Option<Element> {
    source.count_box()?;
    let (id, id_len) = number(source, at, 4)?;
    let at = at.checked_add(id_len)?;
    let (len, len_len) = number(source, at, 8)?;
    let start = at.checked_add(len_len)?;
    // A length's first bit tells how many bytes it has, and is none of it.
    let len = len ^ (1 << (7 * len_len));
    let is_open = len == (1 << (7 * len_len)) - 1;
    let end = if is_open { within } else { start.checked_add(len)? };
    (start <= end && end <= within).then_some(Element { id: u32::try_from(id).ok()?, start, end })
}

/// A number of as many bytes as its first one says, and how many these are.
fn number<B: Bytes>(source: &mut Source<'_, B>, at: u64, most: u32) -> Option<(u64, u64)> {
    let [first] = source.array(at)?;
    let len = first.leading_zeros() + 1;
    if len > most {
        return None;
    }
    let len = u64::from(len);
    Some((big_endian(&source.read(at, len)?), len))
}

fn unsigned<B: Bytes>(source: &mut Source<'_, B>, part: Element) -> Option<u64> {
    let len = part.end - part.start;
    if len > 8 {
        return None;
    }
    Some(big_endian(&source.read(part.start, len)?))
}

fn float<B: Bytes>(source: &mut Source<'_, B>, part: Element) -> Option<f64> {
    match part.end - part.start {
        0 => Some(0.0),
        4 => source.array(part.start).map(|bytes| f64::from(f32::from_be_bytes(bytes))),
        8 => source.array(part.start).map(f64::from_be_bytes),
        _ => None,
    }
}

/// The beginning of a text, which zeros may end. One that is none is as good as empty.
fn text<B: Bytes>(source: &mut Source<'_, B>, part: Element) -> Option<String> {
    let len = (part.end - part.start).min(MAX_TEXT);
    let mut text = String::from_utf8(source.read(part.start, len)?).unwrap_or_default();
    text.truncate(text.trim_end_matches('\0').len());
    Some(text)
}

/// Of at most eight bytes.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
