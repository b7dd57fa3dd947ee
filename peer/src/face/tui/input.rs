//! What keys do: to the line being typed, to the windows, to a question.

use super::completing::{Completion, Turn};
use super::editor::{Edit, Editor};
use super::form::Next;
use super::keys::{self, Action};
use super::log::View;
use super::switcher::Switcher;
use super::typed::{Reach, TypedLines};
use super::view::Rows;
use super::{Act, Tui};
use crate::face::asking::Typed;

use ratatui_crossterm::crossterm::event::KeyEvent;

/// The line being typed, and what helps with it.
pub(super) struct Input {
    pub(super) editor: Editor,
    pub(super) typed: TypedLines,
    /// A search in what was typed before.
    pub(super) search: Option<Search>,
    /// What is said above the line until the next key.
    pub(super) hint: Option<String>,
    pub(super) completion: Completion,
}

/// A search in what was typed before.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) query: String,
    /// Hits to pass over.
    skip: usize,
    /// What was being typed before.
    draft: String,
}

impl Input {
    pub(super) fn new() -> Self {
        Self {
            editor: Editor::new(),
            typed: TypedLines::default(),
            search: None,
            hint: None,
            completion: Completion::default(),
        }
    }

    /// Another window is shown.
    pub(super) fn leave(&mut self) {
        self.typed.reset();
        self.search = None;
        self.hint = None;
    }
}

impl Tui {
    /// A key was pressed.
    #[allow(clippy::wildcard_enum_match_arm, reason = "where the others go is asked in turn")]
    pub fn key(&mut self, moment: super::Moment, key: KeyEvent) {
        self.moment = moment;
        if let Some(line) = self.keys.line(key).filter(|_| self.form.is_none()) {
            let line = line.to_owned();
            self.switcher = None;
            self.input.search = None;
            self.input.hint = None;
            return self.run_line(line);
        }
        let Some(action) = keys::action(key) else { return };
        self.input.hint = None;
        let before = self.input.editor.text().len();
        let edits = matches!(
            action,
            Action::Insert(_) | Action::Newline | Action::Edit(_) | Action::Complete(_)
        );
        match action {
            Action::Redraw => self.acts.push_back(Act::Redraw),
            Action::Suspend => self.acts.push_back(Act::Suspend),
            _ if self.form.is_some() => self.key_in_form(action),
            _ if self.switcher.is_some() => self.key_in_switcher(action),
            _ if self.input.search.is_some() => self.key_in_search(action),
            _ => self.key_in_window(action),
        }
        if edits && self.input.editor.text().len() != before {
            self.say_typing();
        }
    }

    /// Text was pasted: never sent by itself, however many lines it has.
    pub fn paste(&mut self, moment: super::Moment, pasted: &str) {
        self.moment = moment;
        let pasted = pasted.replace("\r\n", "\n").replace('\r', "\n");
        if let Some(form) = &mut self.form {
            let line = pasted.trim_end_matches('\n');
            if form.is_hidden() {
                form.type_hidden(line);
            } else {
                self.input.editor.insert(&line.replace('\n', " "));
            }
            return;
        }
        self.input.search = None;
        let pasted = pasted.strip_suffix('\n').unwrap_or(&pasted);
        let lines = pasted.split('\n').count();
        self.input.hint = if !self.input.editor.insert(pasted) {
            Some("Not pasted: that is more than a message can hold. /send sends files.".to_owned())
        } else if lines > 1 {
            Some(format!(
                "{lines} lines pasted: Enter sends them as one message, Ctrl-C drops them."
            ))
        } else {
            None
        };
        self.say_typing();
    }

    fn key_in_window(&mut self, action: Action) {
        let before = std::mem::take(&mut self.input.completion);
        match action {
            Action::Insert(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Action::Newline => self.insert("\n"),
            Action::Edit(edit) => self.input.editor.edit(edit),
            Action::Submit => self.submit(),
            Action::Complete(turn) => self.complete(before, turn),
            Action::Older => self.older(Reach::Window),
            Action::Newer => self.newer(Reach::Window),
            Action::OlderOfAll => self.older(Reach::All),
            Action::NewerOfAll => self.newer(Reach::All),
            Action::SearchTyped => {
                let draft = self.input.editor.text().to_owned();
                self.input.search = Some(Search { draft, ..Search::default() });
            }
            Action::PageUp => self.scroll(|rows, height| rows.up(step(height), height)),
            Action::PageDown => self.scroll(|rows, height| rows.down(step(height))),
            Action::Top => self.scroll(|rows, height| rows.with_top(rows.log.first(), height)),
            Action::Bottom => self.scroll(|_, _| View::Bottom),
            Action::FirstUnread => self.scroll_to_rule(),
            Action::NextActivity => self.go(super::Windows::go_to_activity),
            Action::NextWindow => self.go(|windows| windows.step(true)),
            Action::PreviousWindow => self.go(|windows| windows.step(false)),
            Action::Window(number) => self.go(|windows| windows.go(number)),
            Action::Switcher => self.switcher = Some(Switcher::default()),
            Action::Files => self.shows_files = !self.shows_files,
            Action::Help => self.run_line("/help".to_owned()),
            Action::Interrupt if self.input.editor.text().is_empty() => {
                self.acts.push_back(Act::Typed(Typed::Interrupt));
            }
            Action::Interrupt => {
                // Whoever clears a line has not just said that he leaves.
                self.acts.push_back(Act::Typed(Typed::Cancelled));
                self.input.editor.set("");
                self.input.typed.reset();
            }
            Action::EndOrDelete if self.input.editor.text().is_empty() => {
                self.acts.push_back(Act::Typed(Typed::End));
            }
            Action::EndOrDelete => self.input.editor.edit(Edit::DeleteChar),
            Action::Cancel if self.shows_files => self.shows_files = false,
            Action::Cancel | Action::Redraw | Action::Suspend => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "other keys mean nothing here")]
    fn key_in_form(&mut self, action: Action) {
        let Some(form) = &mut self.form else { return };
        if form.is_hidden() {
            match action {
                Action::Insert(c) => return form.type_hidden(c.encode_utf8(&mut [0; 4])),
                Action::Edit(Edit::BackwardDeleteChar) => return form.backspace_hidden(),
                Action::Edit(_) => return form.clear_hidden(),
                _ => {}
            }
        }
        match action {
            Action::Insert(c) => drop(self.input.editor.insert(c.encode_utf8(&mut [0; 4]))),
            Action::Edit(edit) => self.input.editor.edit(edit),
            Action::Submit => {
                let text = self.input.editor.take();
                if let Next::Done(typed) = form.answer(&text) {
                    self.end_form();
                    self.acts.push_back(Act::Typed(typed));
                }
            }
            Action::Cancel | Action::Interrupt => {
                self.input.editor.set("");
                let back = self.form.take().and_then(super::Form::back);
                if back.is_none() {
                    self.enter_window();
                    let end = if action == Action::Interrupt {
                        Typed::Interrupt
                    } else {
                        Typed::Cancelled
                    };
                    self.acts.push_back(Act::Typed(end));
                }
                self.form = back;
            }
            Action::EndOrDelete => {
                self.end_form();
                self.acts.push_back(Act::Typed(Typed::End));
            }
            Action::Help => self.input.hint = Some(form.hint().to_owned()),
            _ => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "other keys mean nothing here")]
    fn key_in_switcher(&mut self, action: Action) {
        let names = self.places();
        let Some(switcher) = &mut self.switcher else { return };
        let count = switcher.fitting(&names, &self.nicknames).len();
        match action {
            Action::Insert(c) => {
                switcher.query.push(c);
                switcher.chosen = 0;
            }
            Action::Edit(Edit::BackwardDeleteChar) => {
                switcher.query.pop();
                switcher.chosen = 0;
            }
            Action::Newer | Action::Complete(Turn::Forward) | Action::NextWindow if count > 0 => {
                switcher.chosen = (switcher.chosen + 1) % count;
            }
            Action::Older | Action::Complete(Turn::Back) | Action::PreviousWindow if count > 0 => {
                switcher.chosen = (switcher.chosen + count - 1) % count;
            }
            Action::Submit => {
                let fitting = switcher.fitting(&names, &self.nicknames);
                let chosen = fitting.get(switcher.chosen).map(|name| (*name).to_owned());
                self.switcher = None;
                match chosen {
                    Some(user) => self.open(&user),
                    None => self.input.hint = Some("No window and no user fits.".to_owned()),
                }
            }
            Action::Cancel | Action::Interrupt | Action::EndOrDelete | Action::Switcher => {
                self.switcher = None;
            }
            _ => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "other keys do what they always do")]
    fn key_in_search(&mut self, action: Action) {
        let Some(mut search) = self.input.search.take() else { return };
        match action {
            Action::Insert(c) => {
                search.query.push(c);
                search.skip = 0;
            }
            Action::Edit(Edit::BackwardDeleteChar) => {
                search.query.pop();
                search.skip = 0;
            }
            Action::SearchTyped | Action::Older => search.skip += 1,
            Action::Newer => search.skip = search.skip.saturating_sub(1),
            Action::Cancel | Action::Interrupt => return self.input.editor.set(&search.draft),
            // What was found stays, and the key does what it does.
            _ => return self.key_in_window(action),
        }
        match self.input.typed.find(&search.query, search.skip) {
            Some(line) if !search.query.is_empty() => {
                let line = line.to_owned();
                self.input.editor.set(&line);
            }
            Some(_) => self.input.editor.set(""),
            None => search.skip = search.skip.saturating_sub(1),
        }
        self.input.search = Some(search);
    }

    fn insert(&mut self, text: &str) {
        if !self.input.editor.insert(text) {
            self.input.hint =
                Some("That is more than a message can hold. /send sends files.".to_owned());
        }
    }

    fn submit(&mut self) {
        let line = self.input.editor.take();
        if !line.trim().is_empty() {
            self.enter_line(line);
        }
    }

    fn enter_line(&mut self, line: String) {
        let user = self.windows.current().user.clone();
        if !crate::command::is_secret(&line) && self.input.typed.keep(user.as_deref(), &line) {
            self.acts.push_back(Act::Remember(user, line.clone()));
        }
        self.run_line(line);
    }

    /// As if it had been typed, but nothing to come back to with the arrow keys.
    fn run_line(&mut self, line: String) {
        let window = self.windows.current_mut();
        window.rule = None;
        let user = window.user.clone();
        self.set_view(View::Bottom);
        self.waiting.push_back(Typed::InWindow(user, line));
        self.send_waiting();
    }

    fn older(&mut self, reach: Reach) {
        let user = self.windows.current().user.clone();
        let now = self.input.editor.text().to_owned();
        if let Some(line) = self.input.typed.older(user.as_deref(), reach, &now) {
            self.input.editor.set(&line);
        }
    }

    fn newer(&mut self, reach: Reach) {
        let user = self.windows.current().user.clone();
        if let Some(line) = self.input.typed.newer(user.as_deref(), reach) {
            self.input.editor.set(&line);
        }
    }

    /// `/unread`: the first line that was not seen, of this window or else of the next in which something
    /// happened.
    pub(super) fn go_to_unread(&mut self) {
        if self.windows.current().rule.is_none() {
            self.go(super::Windows::go_to_activity);
        }
        if self.windows.current().rule.is_none() {
            let user = self.windows.current().user.clone();
            return self.notice(user.as_deref(), false, "Nothing is unread.".to_owned());
        }
        self.scroll_to_rule();
    }

    fn scroll_to_rule(&mut self) {
        self.scroll(|rows, height| match rows.rule {
            Some(entry) => rows.with_top(entry, height),
            None => rows.log.view,
        });
    }

    pub(super) fn scroll(&mut self, to: impl FnOnce(&Rows<'_>, usize) -> View) {
        let (height, _) = self.page;
        let rows = self.rows();
        let view = to(&rows, height);
        self.set_view(view);
        if self.rows().is_at_top(height) {
            self.load_past();
        }
    }

    /// The window that is shown, as rows.
    pub(super) fn rows(&self) -> Rows<'_> {
        let window = self.windows.current();
        let painter = self.painter(self.page.1);
        Rows { painter, log: &window.log, rule: window.rule }
    }
}

/// A page that keeps two rows in view.
const fn step(height: usize) -> usize {
    let step = height.saturating_sub(2);
    if step == 0 { 1 } else { step }
}
