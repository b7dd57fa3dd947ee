//! The comments on one film as its chapters, in FFmpeg's format for metadata
//! (<https://ffmpeg.org/ffmpeg-formats.html#Metadata-2>), which players load beside it.

use wire::app::text;

use crate::output::HistoryLine;

/// Most chapters in a file: all of them are held in memory at once.
const MAX_CHAPTERS: usize = 10_000;
/// Longest title, in characters.
const MAX_TITLE: usize = 200;

/// See the module.
#[derive(Debug)]
pub(super) struct Chapters {
    /// Of the film, hexadecimal.
    blake3: String,
    /// Of the film.
    pub(super) name: String,
    /// Moments in milliseconds, and what is said of them.
    found: Vec<(u64, String)>,
}

impl Chapters {
    /// None yet, of this film.
    pub(super) fn of(root: [u8; 32], name: String) -> Self {
        let blake3 = blake3::Hash::from_bytes(root).to_hex().to_string();
        Self { blake3, name, found: Vec::new() }
    }

    /// Takes from these lines what is about the film.
    ///
    /// # Errors
    /// Why it is too much.
    pub(super) fn add(&mut self, lines: &[HistoryLine]) -> Result<(), String> {
        for line in lines.iter().filter(|line| !line.taken_back) {
            let pin = line.pin.as_ref().filter(|pin| pin.blake3 == self.blake3);
            let Some(pin) = pin else { continue };
            if self.found.len() == MAX_CHAPTERS {
                return Err(format!(
                    "there are more than {MAX_CHAPTERS} comments on {}",
                    self.name
                ));
            }
            let title = text::excerpt(&format!("{}: {}", line.from, line.text), MAX_TITLE);
            self.found.push((pin.position_ms, title));
        }
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// What stands in the file: in the order of the film, and each until the next begins. How long the
    /// film is nobody knows here, so the last ends where it begins.
    pub(super) fn written(mut self) -> String {
        self.found.sort_by_key(|(position, _)| *position);
        let name = text::one_line(&self.name);
        let mut written = format!(";FFMETADATA1\ntitle={}\n", escaped(&name));
        let ends =
            self.found.iter().skip(1).chain(self.found.last()).map(|(position, _)| *position);
        for ((start, title), end) in self.found.iter().zip(ends) {
            written.push_str(&format!(
                "\n[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={}\n",
                escaped(title)
            ));
        }
        written
    }
}

/// A value as that format has it. There is no line break in it.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '=' | ';' | '#' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::PinLine;

    fn line(root: [u8; 32], position_ms: u64, text: &str) -> HistoryLine {
        let blake3 = blake3::Hash::from_bytes(root).to_hex().to_string();
        HistoryLine {
            line: 1,
            with: "bob".to_owned(),
            id: None,
            from: "bob".to_owned(),
            at: 0,
            text: text.to_owned(),
            state: "received",
            reason: None,
            reply_to: None,
            edited: false,
            taken_back: false,
            pin: Some(PinLine { id: None, name: "x".to_owned(), blake3, position_ms }),
        }
    }

    #[test]
    fn chapters_are_in_the_order_of_the_film_and_hold_no_foreign_line() {
        let mut chapters = Chapters::of([1; 32], "a=b\n[CHAPTER].mp4".to_owned());
        let gone = HistoryLine { taken_back: true, ..line([1; 32], 1, "") };
        let plain = HistoryLine { pin: None, ..line([1; 32], 1, "no comment") };
        let lines = [
            line([1; 32], 754_500, "second; #2\nSTART=0"),
            line([2; 32], 1, "of another film"),
            gone,
            plain,
            line([1; 32], 90_000, "first \\ \u{1b}[2J"),
        ];
        chapters.add(&lines).unwrap();
        assert_eq!(chapters.len(), 2);
        assert_eq!(
            chapters.written(),
            ";FFMETADATA1\n\
             title=a\\=b↵[CHAPTER].mp4\n\n\
             [CHAPTER]\nTIMEBASE=1/1000\nSTART=90000\nEND=754500\ntitle=bob: first \\\\ ␛[2J\n\n\
             [CHAPTER]\nTIMEBASE=1/1000\nSTART=754500\nEND=754500\ntitle=bob: second\\; \\#2↵START\\=0\n"
        );
    }

    #[test]
    fn there_is_an_end_to_what_is_held_in_memory() {
        let mut chapters = Chapters::of([1; 32], "film".to_owned());
        let most = vec![line([1; 32], 1, "x"); MAX_CHAPTERS];
        chapters.add(&most).unwrap();
        let why = chapters.add(&[line([1; 32], 1, "x")]).unwrap_err();
        assert!(why.contains("more than 10000 comments on film"), "{why}");
    }
}
