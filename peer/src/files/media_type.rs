//! What a file is, guessed from the ending of its name: only to show it.

/// Endings of what people send, with their IANA media types.
const KNOWN: [(&str, &str); 32] = [
    ("3gp", "video/3gpp"),
    ("avi", "video/vnd.avi"),
    ("flv", "video/x-flv"),
    ("m2ts", "video/mp2t"),
    ("m4v", "video/mp4"),
    ("mkv", "video/matroska"),
    ("mov", "video/quicktime"),
    ("mp4", "video/mp4"),
    ("mpeg", "video/mpeg"),
    ("mpg", "video/mpeg"),
    ("mts", "video/mp2t"),
    ("ogv", "video/ogg"),
    ("webm", "video/webm"),
    ("wmv", "video/x-ms-wmv"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/wav"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("gz", "application/gzip"),
    ("pdf", "application/pdf"),
    ("srt", "application/x-subrip"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("zip", "application/zip"),
];

/// The media type of a file of this name.
pub(super) fn guess(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    KNOWN
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(ending))
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells() {
        assert_eq!(guess("Film.MP4"), "video/mp4");
        assert_eq!(guess("archive.tar.gz"), "application/gzip");
        assert_eq!(guess("mp4"), "application/octet-stream");
        assert_eq!(guess(""), "application/octet-stream");
    }
}
