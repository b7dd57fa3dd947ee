//! Matroska and `WebM`: elements in elements. What a player needs stands before the first cluster, so
//! such a film always plays while it arrives.

use std::io::Cursor;

use matroska_demuxer::{MatroskaFile, TrackEntry, TrackType};
use wire::app::media::{AudioCodec, Container, Index, Media, VideoCodec};

use super::{Bytes, Source, duration};

/// How such a file begins: the element `EBML`.
pub(super) const MAGIC: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;

/// Longest `EBML`, `Info` and `Tracks` that are read. Tracks hold the headers of their codecs.
const MAX_EBML: u64 = 4 << 10;
const MAX_INFO: u64 = 64 << 10;
const MAX_TRACKS: u64 = 256 << 10;

/// An element: what it is, and where it and its contents are.
#[derive(Clone, Copy)]
struct Element {
    id: u32,
    begin: u64,
    start: u64,
    /// Nothing, where it has no length and goes on until something else begins.
    end: Option<u64>,
}

pub(super) fn read<B: Bytes>(source: &mut Source<'_, B>) -> Option<Media> {
    let ebml = element(source, 0).filter(|it| it.id == EBML)?;
    let segment = element(source, ebml.end?).filter(|it| it.id == SEGMENT)?;
    let ebml = whole(source, ebml, MAX_EBML)?;
    let (mut info, mut tracks, mut at) = (None, None, segment.start);
    while info.is_none() || tracks.is_none() {
        let part = element(source, at)?;
        match part.id {
            CLUSTER => return None,
            INFO => info = Some(whole(source, part, MAX_INFO)?),
            TRACKS => tracks = Some(whole(source, part, MAX_TRACKS)?),
            _ => {}
        }
        at = part.end?;
    }
    let film = MatroskaFile::open(Cursor::new(short(&ebml, &info?, &tracks?))).ok()?;
    let is_webm = film.ebml_header().doc_type().trim_end_matches('\0') == "webm";
    let picture = first(film.tracks(), TrackType::Video);
    let sound = first(film.tracks(), TrackType::Audio);
    let side = |length: u64| u16::try_from(length).unwrap_or(0);
    let size = picture.and_then(TrackEntry::video).map_or((0, 0), |video| {
        (side(video.pixel_width().get()), side(video.pixel_height().get()))
    });
    let (width, height) = if size.0 == 0 || size.1 == 0 { (0, 0) } else { size };
    let nanos = film.info().duration().unwrap_or(0.0) * film.info().timestamp_scale().get() as f64;
    Some(Media {
        container: if is_webm { Container::WebM } else { Container::Matroska },
        // What is no number, or too large for one, becomes one that is no length.
        duration: duration((nanos / 1e6).round() as u128),
        width,
        height,
        video: picture.map(|track| picture_codec(track.codec_id())),
        audio: sound.map(|track| sound_codec(track.codec_id())),
        index: Index::Front,
    })
}

/// A file of these elements and nothing else, for the crate that reads them: it follows what points to
/// other places, and would do so for ever where one points to itself.
fn short(ebml: &[u8], info: &[u8], tracks: &[u8]) -> Vec<u8> {
    // An empty cluster ends it.
    let cluster = [&CLUSTER.to_be_bytes()[..], &[0x80]].concat();
    let len = (info.len() + tracks.len() + cluster.len()) as u64;
    // A length of eight bytes, the first of which is 1.
    let len = (len | 1 << 56).to_be_bytes();
    [ebml, &SEGMENT.to_be_bytes(), &len, info, tracks, &cluster].concat()
}

fn first(tracks: &[TrackEntry], kind: TrackType) -> Option<&TrackEntry> {
    tracks.iter().find(|track| track.track_type() == kind)
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

/// All of an element, with what it is and its length.
fn whole<B: Bytes>(source: &mut Source<'_, B>, element: Element, most: u64) -> Option<Vec<u8>> {
    let len = element.end? - element.begin;
    if len > most {
        return None;
    }
    source.read(element.begin, len)
}

/// The element that begins there.
fn element<B: Bytes>(source: &mut Source<'_, B>, begin: u64) -> Option<Element> {
    source.count_box()?;
    let (id, id_len) = number(source, begin, 4)?;
    let at = begin.checked_add(id_len)?;
    let (len, len_len) = number(source, at, 8)?;
    let start = at.checked_add(len_len)?;
    // A length's first bit tells how many bytes it has, and is none of it.
    let len = len ^ (1 << (7 * len_len));
    let is_open = len == (1 << (7 * len_len)) - 1;
    let end = if is_open { None } else { Some(start.checked_add(len)?) };
    Some(Element { id: u32::try_from(id).ok()?, begin, start, end })
}

/// A number of as many bytes as its first one says, and how many these are.
fn number<B: Bytes>(source: &mut Source<'_, B>, at: u64, most: u32) -> Option<(u64, u64)> {
    let [first] = source.array(at)?;
    let len = first.leading_zeros() + 1;
    if len > most {
        return None;
    }
    let len = u64::from(len);
    let bytes = source.read(at, len)?;
    Some((bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), len))
}
