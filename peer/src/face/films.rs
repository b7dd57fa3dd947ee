//! Files that are offered or were asked about, and what is said of a film.

use wire::app::{pin, text};

use super::plain::{GUTTER, Reader, file_line, in_room, quoted, short};
use super::{folders, units};
use crate::output::{FileLine, MediaLine, Output};

/// `12:34, 1920x1080, H.264 + AAC, 8.10 Mbit/s, plays while it arrives`: all that is known of it. What
/// is in it are numbers and words of ours.
pub(crate) fn card(media: &MediaLine) -> String {
    let mut parts = Vec::new();
    parts.extend(media.duration_ms.map(pin::whole_time));
    if let (Some(width), Some(height)) = (media.width, media.height) {
        parts.push(format!("{width}x{height}"));
    }
    let codecs: Vec<&str> = [
        media.video.map(|name| if name == "unknown" { "unknown video" } else { name }),
        media.audio.map(|name| if name == "unknown" { "unknown audio" } else { name }),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.push(codecs.join(" + "));
    parts.extend(media.bitrate.map(units::bit_rate));
    parts.push(match media.index {
        "end" => "index at the end: it is fetched first".to_owned(),
        _ => "plays while it arrives".to_owned(),
    });
    parts.join(", ")
}

/// What is offered. A person need not see the hash.
pub(super) fn offer(output: &Output, reader: Reader) -> Vec<String> {
    let Output::FileOffer {
        id, from, room, name, size, media_type, blake3, media, eta, wait, ..
    } = output
    else {
        return Vec::new();
    };
    let line = folders::offer(output).unwrap_or_else(|| {
        let hash = blake3.as_ref().filter(|_| reader == Reader::Program);
        let hash = hash.map_or_else(String::new, |hash| format!(" blake3 {hash}"));
        format!(
            "# file {id} from {}{}: {} ({}, {}){hash} offered; /accept {id} or /decline {id}",
            short(from),
            in_room(room.as_deref()),
            quoted(name),
            units::size(*size),
            text::excerpt(media_type, 60),
        )
    });
    let below = said(media.as_ref()).into_iter().chain(outlook(*eta, *wait));
    std::iter::once(line).chain(below.map(|line| format!("{GUTTER}{line}"))).collect()
}

/// The answer to `/files`: of all, or of the one that was asked about.
pub(super) fn files(of: Option<u64>, files: &[FileLine]) -> Vec<String> {
    match files {
        [] => vec!["# no transfers".to_owned()],
        [file] if of.is_some() => asked(file),
        files => files.iter().map(file_line).collect(),
    }
}

/// A transfer that was asked about.
fn asked(file: &FileLine) -> Vec<String> {
    let below = below(file).map(|line| format!("{GUTTER}{line}"));
    std::iter::once(file_line(file)).chain(below).collect()
}

/// What belongs to the line of a transfer: what is known of the film, and how long it would take.
pub(super) fn below(file: &FileLine) -> impl Iterator<Item = String> {
    let eta = file.eta.filter(|_| file.awaits_answer());
    said(file.media.as_ref()).into_iter().chain(outlook(eta, file.wait))
}

/// A file's card: as its sender's word, when it is that.
fn said(media: Option<&MediaLine>) -> Option<String> {
    let media = media?;
    let card = card(media);
    Some(if media.claimed { format!("said to be {card}") } else { card })
}

/// How long it takes, and when it can be watched: both about, as measured before.
fn outlook(eta: Option<u64>, wait: Option<u64>) -> Option<String> {
    let eta = eta?;
    let watched = match wait {
        None => String::new(),
        Some(0) => ", and can be watched at once".to_owned(),
        Some(wait) => format!(", and can be watched without a stop after {}", units::seconds(wait)),
    };
    let whole = if eta == 0 {
        "less than a second".to_owned()
    } else {
        format!("about {}", units::seconds(eta))
    };
    Some(format!("takes {whole}{watched}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::samples;

    #[test]
    fn a_card_says_what_is_known() {
        let film = samples::media_line();
        assert_eq!(
            card(&film),
            "12:34, 1920x1080, H.264 + AAC, 8.10 Mbit/s, plays while it arrives"
        );
        let song = MediaLine {
            width: None,
            height: None,
            video: None,
            audio: Some("Opus"),
            bitrate: Some(96_500),
            ..film.clone()
        };
        assert_eq!(card(&song), "12:34, Opus, 96.5 kbit/s, plays while it arrives");
        let open = MediaLine {
            duration_ms: None,
            bitrate: None,
            video: Some("unknown"),
            audio: Some("unknown"),
            index: "end",
            ..film
        };
        assert_eq!(
            card(&open),
            "1920x1080, unknown video + unknown audio, index at the end: it is fetched first"
        );
    }

    #[test]
    fn an_outlook_needs_a_rate() {
        assert_eq!(outlook(None, None), None);
        assert_eq!(outlook(Some(80), None).unwrap(), "takes about 1m20");
        assert_eq!(
            outlook(Some(80), Some(0)).unwrap(),
            "takes about 1m20, and can be watched at once"
        );
        assert_eq!(
            outlook(Some(80), Some(40)).unwrap(),
            "takes about 1m20, and can be watched without a stop after 40 s"
        );
    }
}
