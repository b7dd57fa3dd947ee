//! The windows: one that belongs to no user, and one for each user with whom there was something,
//! and for each room (`#` before its name).

use super::log::{Log, View};

/// Most windows: anybody who writes gets one.
const MAX_WINDOWS: usize = 500;

/// How much a window deserves to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Activity {
    /// A message, a file.
    Message,
    /// Something that was not delivered, or a warning.
    Mention,
}

/// One window.
#[derive(Debug)]
pub(super) struct Window {
    /// With whom, or in which room; `None` is the window of the server and of everything that is nobody's.
    pub(super) user: Option<String>,
    pub(super) log: Log,
    /// The first entry that was not seen.
    pub(super) rule: Option<u64>,
    /// Since it was last seen.
    pub(super) activity: Option<Activity>,
    /// Things that came since.
    pub(super) unread: usize,
    /// Something came of which it was not told yet that it was read.
    pub(super) has_unmarked: bool,
    /// What was being typed in it, and where the cursor stood.
    pub(super) draft: (String, usize),
}

impl Window {
    fn new(user: Option<String>) -> Self {
        Self {
            user,
            log: Log::new(),
            rule: None,
            activity: None,
            unread: 0,
            has_unmarked: false,
            draft: (String::new(), 0),
        }
    }

    /// Something happened in it, and nobody looks at it.
    pub(super) fn raise(&mut self, activity: Activity) {
        self.unread += 1;
        self.activity = self.activity.max(Some(activity));
    }

    /// A person looks at it.
    pub(super) fn seen(&mut self) {
        self.activity = None;
        self.unread = 0;
    }
}

/// All windows. There is always the first, and one is shown.
#[derive(Debug)]
pub(super) struct Windows {
    windows: Vec<Window>,
    current: usize,
}

impl Windows {
    pub(super) fn new() -> Self {
        Self { windows: vec![Window::new(None)], current: 0 }
    }

    /// Puts back those that were there when their user left; what the server's window says meanwhile stays.
    pub(super) fn take_back(&mut self, left: Self) {
        let (current, mut windows) = (left.current, left.windows);
        let home = windows.remove(0);
        self.windows[0].draft = home.draft;
        for window in &mut windows {
            window.log.ask_again();
        }
        self.windows.truncate(1);
        self.windows.append(&mut windows);
        self.current = current;
    }

    pub(super) fn current(&self) -> &Window {
        &self.windows[self.current]
    }

    pub(super) fn current_mut(&mut self) -> &mut Window {
        &mut self.windows[self.current]
    }

    pub(super) fn home_mut(&mut self) -> &mut Window {
        &mut self.windows[0]
    }

    pub(super) fn find_mut(&mut self, user: &str) -> Option<&mut Window> {
        self.windows.iter_mut().find(|window| window.user.as_deref() == Some(user))
    }

    /// The window of a user, made where there is none.
    pub(super) fn of(&mut self, user: &str) -> &mut Window {
        let index = self.index_of(user);
        &mut self.windows[index]
    }

    /// The window of `before` is `after`'s from now on.
    pub(super) fn rename(&mut self, before: &str, after: &str) {
        if self.find_mut(after).is_none()
            && let Some(window) = self.find_mut(before)
        {
            window.user = Some(after.to_owned());
        }
    }

    /// Each with its number and whether it is shown.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Window, bool)> {
        let numbered = self.windows.iter().enumerate();
        numbered.map(|(index, window)| (index + 1, window, index == self.current))
    }

    /// Users with a window.
    pub(super) fn users(&self) -> impl Iterator<Item = &str> {
        self.windows.iter().filter_map(|window| window.user.as_deref())
    }

    /// Something happened in the window of a user who does not look at it.
    pub(super) fn raise(&mut self, user: &str, activity: Activity) {
        self.of(user).raise(activity);
    }

    pub(super) const fn has(&self, number: usize) -> bool {
        number >= 1 && number <= self.windows.len()
    }

    /// Shows the window of this number, where there is one.
    pub(super) const fn go(&mut self, number: usize) {
        if self.has(number) {
            self.current = number - 1;
        }
    }

    pub(super) fn go_to(&mut self, user: &str) {
        self.current = self.index_of(user);
    }

    /// Shows the next one, or the one before; round and round.
    pub(super) const fn step(&mut self, forward: bool) {
        let count = self.windows.len();
        let step = if forward { 1 } else { count - 1 };
        self.current = (self.current + step) % count;
    }

    /// Shows the next window in which something happened: first where something went wrong.
    pub(super) fn go_to_activity(&mut self) {
        let count = self.windows.len();
        let after = (1..count).map(|step| (self.current + step) % count);
        // The first of those that are worth most.
        let next = after.rev().max_by_key(|index| self.windows[*index].activity);
        if let Some(index) = next
            && self.windows[index].activity.is_some()
        {
            self.current = index;
        }
    }

    /// Closes the window that is shown; the one before it is shown then. The first one stays.
    pub(super) fn close(&mut self) -> bool {
        if self.current == 0 {
            return false;
        }
        self.windows.remove(self.current);
        self.current -= 1;
        true
    }

    fn index_of(&mut self, user: &str) -> usize {
        let found = self.windows.iter().position(|window| window.user.as_deref() == Some(user));
        found.unwrap_or_else(|| {
            if self.windows.len() >= MAX_WINDOWS {
                self.make_room();
            }
            self.windows.push(Window::new(Some(user.to_owned())));
            self.windows.len() - 1
        })
    }

    /// Closes the oldest window in which nothing is unread and nothing is being typed, or else
    /// the oldest; it opens again by itself.
    fn make_room(&mut self) {
        let others = || (1..self.windows.len()).filter(|index| *index != self.current);
        let is_idle = |index: &usize| {
            let window = &self.windows[*index];
            window.activity.is_none() && window.draft.0.is_empty()
        };
        if let Some(index) = others().find(is_idle).or_else(|| others().next()) {
            self.windows.remove(index);
            self.current -= usize::from(index < self.current);
        }
    }
}

impl Window {
    /// Whether the newest line is in view.
    pub(super) fn is_at_bottom(&self) -> bool {
        self.log.view == View::Bottom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_is_visited_by_weight_and_then_in_turn() {
        let mut windows = Windows::new();
        for user in ["bob", "carol", "dave"] {
            windows.of(user);
        }
        windows.raise("bob", Activity::Message);
        windows.raise("dave", Activity::Mention);
        windows.raise("carol", Activity::Message);
        let mut visited = Vec::new();
        for _ in 0..4 {
            windows.go_to_activity();
            windows.current_mut().seen();
            visited.push(windows.current().user.clone().unwrap());
        }
        assert_eq!(visited, ["dave", "bob", "carol", "carol"]);
    }

    #[test]
    fn there_are_not_more_windows_than_may_be() {
        let mut windows = Windows::new();
        windows.go_to("bob");
        windows.raise("carol", Activity::Message);
        for number in 0..2 * MAX_WINDOWS {
            windows.of(&format!("u{number}"));
        }
        assert_eq!(windows.windows.len(), MAX_WINDOWS);
        assert_eq!(windows.current().user.as_deref(), Some("bob"));
        assert!(windows.find_mut("carol").is_some(), "unread");
    }

    #[test]
    fn the_first_window_stays() {
        let mut windows = Windows::new();
        assert!(!windows.close());
        windows.go_to("bob");
        assert!(windows.close());
        assert_eq!(windows.current().user, None);
    }
}
