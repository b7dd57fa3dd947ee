//! Lines typed before, for the arrow keys: in each window, and in all.

/// Lines that are remembered.
pub(super) const MAX_LINES: usize = 1000;

/// Which lines an arrow key goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Window,
    All,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct TypedLines {
    /// The window and the line, oldest first.
    lines: Vec<(Option<String>, String)>,
    /// The line that is shown now, and what was being typed before.
    shown: Option<(usize, String)>,
}

impl TypedLines {
    /// Lines of earlier runs.
    pub(super) fn load(&mut self, lines: Vec<(Option<String>, String)>) {
        self.lines = lines;
        self.bound();
    }

    /// Keeps a line; `false` when it is the same as the one before.
    pub(super) fn keep(&mut self, window: Option<&str>, line: &str) -> bool {
        self.shown = None;
        let entry = (window.map(str::to_owned), line.to_owned());
        if self.lines.last() == Some(&entry) {
            return false;
        }
        self.lines.push(entry);
        self.bound();
        true
    }

    /// The line before the one that is shown.
    pub(super) fn older(
        &mut self,
        window: Option<&str>,
        reach: Reach,
        now: &str,
    ) -> Option<String> {
        let end = self.shown.as_ref().map_or(self.lines.len(), |(at, _)| *at);
        let at = self.lines[..end].iter().rposition(|entry| fits(entry, window, reach))?;
        let draft = self.shown.take().map_or_else(|| now.to_owned(), |(_, draft)| draft);
        self.shown = Some((at, draft));
        Some(self.lines[at].1.clone())
    }

    /// The line after it; behind the last one, what was being typed.
    pub(super) fn newer(&mut self, window: Option<&str>, reach: Reach) -> Option<String> {
        let (at, draft) = self.shown.take()?;
        let next = self.lines[at + 1..].iter().position(|entry| fits(entry, window, reach));
        match next {
            Some(further) => {
                let at = at + 1 + further;
                self.shown = Some((at, draft));
                Some(self.lines[at].1.clone())
            }
            None => Some(draft),
        }
    }

    /// The newest line that contains `part`, older than the last `skip` of those.
    pub(super) fn find(&self, part: &str, skip: usize) -> Option<&str> {
        let lines = self.lines.iter().rev().map(|(_, line)| line.as_str());
        lines.filter(|line| line.contains(part)).nth(skip)
    }

    /// Back to what was being typed.
    pub(super) fn reset(&mut self) {
        self.shown = None;
    }

    fn bound(&mut self) {
        let excess = self.lines.len().saturating_sub(MAX_LINES);
        self.lines.drain(..excess);
    }
}

fn fits(entry: &(Option<String>, String), window: Option<&str>, reach: Reach) -> bool {
    reach == Reach::All || entry.0.as_deref() == window
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_has_its_own_lines_and_the_draft_comes_back() {
        let mut typed = TypedLines::default();
        typed.keep(Some("bob"), "hi bob");
        typed.keep(Some("carol"), "hi carol");
        typed.keep(Some("bob"), "bye bob");
        let bob = Some("bob");
        assert_eq!(typed.older(bob, Reach::Window, "dra").as_deref(), Some("bye bob"));
        assert_eq!(typed.older(bob, Reach::Window, "").as_deref(), Some("hi bob"));
        assert_eq!(typed.older(bob, Reach::Window, ""), None);
        assert_eq!(typed.newer(bob, Reach::Window).as_deref(), Some("bye bob"));
        assert_eq!(typed.newer(bob, Reach::Window).as_deref(), Some("dra"));
        assert_eq!(typed.newer(bob, Reach::Window), None);
        typed.older(bob, Reach::All, "");
        assert_eq!(typed.older(bob, Reach::All, "").as_deref(), Some("hi carol"));
        assert_eq!(typed.find("hi", 1), Some("hi bob"));
    }

    #[test]
    fn lines_are_bounded() {
        let mut typed = TypedLines::default();
        for number in 0..2 * MAX_LINES {
            assert!(typed.keep(None, &number.to_string()));
        }
        assert!(!typed.keep(None, &(2 * MAX_LINES - 1).to_string()));
        assert_eq!(typed.lines.len(), MAX_LINES);
    }
}
