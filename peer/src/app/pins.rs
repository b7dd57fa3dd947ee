//! Comments on films: texts about a moment of a file, and the way back to it.

use std::collections::BTreeMap;

use wire::app::pin::Pin;
use wire::time::Instant;

use super::App;
use super::jobs::Job;
use crate::command::WhichFilm;
use crate::face::pins::spoken;
use crate::output::PinLine;
use crate::transfer::{Question, Subject};
use crate::work::{StoreError, StoreReply, StoreRequest};

/// Most comments that wait for a player to say where it is.
const MAX_MARKS: usize = 16;

/// Comments that wait for a player to say where it is.
#[derive(Debug, Default)]
pub(super) struct Marks {
    waiting: BTreeMap<Question, Mark>,
    /// Of questions: an answer to one of another account is none of ours.
    asked: u64,
}

#[derive(Debug)]
struct Mark {
    /// As typed.
    to: String,
    film: Subject,
    text: String,
}

impl Marks {
    /// Nobody waits any more.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }
}

impl App {
    /// `/at`.
    pub(super) fn comment(
        &mut self,
        now: Instant,
        to: &str,
        id: Option<u64>,
        position: u64,
        text: &str,
    ) {
        match self.film_of(to, id, text) {
            Ok(film) => self.say_of(now, to, &film, position, text),
            Err(why) => self.not_sent(to, why),
        }
    }

    /// `/mark`: the player is asked where it is.
    pub(super) fn mark_moment(&mut self, to: String, id: Option<u64>, text: String) {
        let film = match self.film_of(&to, id, &text) {
            Ok(film) => film,
            Err(why) => return self.not_sent(&to, why),
        };
        let marks = &mut self.marks;
        if marks.waiting.len() >= MAX_MARKS {
            return self.not_sent(&to, "the player has not answered yet.".to_owned());
        }
        marks.asked += 1;
        let question = Question(marks.asked);
        self.transfers.ask_position(film.id, question);
        marks.waiting.insert(question, Mark { to, film, text });
    }

    /// Where in a film the person is, in milliseconds, or why that is not known: the answer to
    /// [`View::Asks`](crate::transfer::View::Asks).
    pub fn on_position(&mut self, now: Instant, question: Question, at: Result<u64, String>) {
        let Some(Mark { to, film, text }) = self.marks.waiting.remove(&question) else { return };
        match at {
            Ok(position) => self.say_of(now, &to, &film, position, &text),
            Err(why) => self.not_sent(&to, why),
        }
        self.settle(now);
    }

    fn say_of(&mut self, now: Instant, to: &str, film: &Subject, position: u64, text: &str) {
        let pin = Pin::new(film.root, position, &film.name);
        self.message(now, to, pin.before(text));
    }

    fn film_of(&self, to: &str, id: Option<u64>, text: &str) -> Result<Subject, String> {
        if text.trim().is_empty() {
            return Err("there is no text.".to_owned());
        }
        let talk = self.talk_of(to)?;
        self.transfers.subject(id, Some(&talk))
    }

    /// `/play`.
    pub(super) fn play(&mut self, now: Instant, which: WhichFilm, position: Option<u64>) {
        let number = match which {
            WhichFilm::Number(number) => Ok(number),
            WhichFilm::Line(line) => return self.look_up_moment(line),
            WhichFilm::Last { chat } => {
                let talk = chat.map(|chat| self.talk_of(&chat)).transpose();
                talk.and_then(|talk| self.transfers.subject(None, talk.as_ref()))
                    .map(|film| film.number)
            }
        };
        match number {
            Ok(number) => self.transfer(now, |t, cx| t.play(cx, number, position)),
            Err(why) => self.error(&why),
        }
    }

    fn look_up_moment(&mut self, line: u64) {
        let (with, limit, before) = (None, 1, Some(line.saturating_add(1)));
        self.jobs
            .store(Job::Moment(line), StoreRequest::History { with, limit, before, since: None });
    }

    /// The database has the line whose moment is to be played, or has it not.
    pub(super) fn on_moment(
        &mut self,
        now: Instant,
        line: u64,
        result: Result<StoreReply, StoreError>,
    ) {
        let found = match result {
            Ok(StoreReply::Lines(lines)) => lines.into_iter().find(|found| found.line == line),
            Ok(_) => None,
            Err(error) => return self.error(&format!("Line {line} cannot be read: {error}")),
        };
        let pin = found.and_then(|found| Pin::split(&found.body).map(|(pin, _)| pin));
        let Some(pin) = pin else {
            return self.error(&format!("Line {line} is no comment on a film: '/help at'."));
        };
        // Only its contents say which file is meant [W-122].
        match self.transfers.number_of(&pin.root()) {
            Some(number) => {
                self.transfer(now, |t, cx| t.play(cx, number, Some(pin.position())));
            }
            None => self.error(&format!(
                "The film of line {line}, which its author calls \"{}\", is not here.",
                pin.name()
            )),
        }
    }

    /// What a text is about, and what it says of it.
    pub(super) fn pinned(&self, text: String) -> (Option<PinLine>, String) {
        match Pin::split(&text) {
            Some((pin, remark)) => (Some(self.pin_line(&pin)), remark.to_owned()),
            None => (None, text),
        }
    }

    fn pin_line(&self, pin: &Pin) -> PinLine {
        PinLine {
            id: self.transfers.number_of(&pin.root()),
            name: pin.name().to_owned(),
            blake3: blake3::Hash::from_bytes(pin.root()).to_hex().to_string(),
            position_ms: pin.position(),
        }
    }
}

/// A text as it is shown where there is room for nothing else.
pub(super) fn in_words(text: &str) -> String {
    let Some((pin, remark)) = Pin::split(text) else { return text.to_owned() };
    let (name, position_ms) = (pin.name().to_owned(), pin.position());
    let line = PinLine { id: None, name, blake3: String::new(), position_ms };
    spoken(Some(&line), remark).into_owned()
}
