//! The bar below the window: `[14:02] [alice] [2:bob direct 23ms] [chat lag 4ms] [↓3 61% 8.1 MB/s 1m20]
//! [act 3:#team(2!)]`.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use wire::app::text;

use super::draw::is_moving;
use super::window::{Activity, Window};
use super::{HOME, Tui};
use crate::face::units;
use crate::face::wrap::{cells, cut};
use crate::output::{ConnectionLine, FileLine};
use crate::work::Direction;

impl Tui {
    /// The present figures of the connections.
    pub fn set_connections(&mut self, connections: &[ConnectionLine]) {
        for line in connections {
            if let Some(link) = line.user.as_ref().and_then(|user| self.bars.links.get_mut(user)) {
                (link.rtt_ms, link.lag_ms) = (line.rtt_ms, line.lag_ms);
            }
        }
    }

    pub(super) fn draw_bar(&self, buffer: &mut Buffer, area: Rect) {
        buffer.set_style(area, self.look.bar());
        let width = usize::from(area.width);
        // The title says the same of the link; and what happens elsewhere is said nowhere else.
        let all =
            [Order::All, Order::WithoutLink, Order::ActivityFirst].map(|order| self.bar(order));
        let fitting = all.iter().find(|text| cells(text) <= width);
        let text = fitting.unwrap_or(&all[2]);
        buffer.set_stringn(area.x, area.y, cut(text, width), width, self.look.bar());
    }

    fn bar(&self, order: Order) -> String {
        let time = (self.local_time)(self.moment.unix_ms);
        let clock = time.split_once(' ').map_or("", |(_, clock)| clock);
        let mut parts = vec![format!("[{clock}]")];
        let user = self
            .bars
            .user
            .as_deref()
            .map_or("not logged in".to_owned(), |user| text::excerpt(user, 24));
        parts.push(format!("[{user}]"));
        if !self.bars.server_state.is_empty() {
            parts.push(format!("[{}]", self.bars.server_state));
        }
        parts.extend(
            self.attention.shown(self.look.sign("…", "...")).map(|text| format!("[{text}]")),
        );
        let below = self.rows().below();
        if below > 0 {
            // First, because it must not be cut off.
            parts.insert(0, format!("-MORE({below})-"));
        }
        parts.extend(self.link_in_view().filter(|_| order == Order::All));
        let active: Vec<String> = self.windows.iter().filter_map(activity).collect();
        let active = (!active.is_empty()).then(|| format!("[act {}]", active.join(",")));
        let mut rest = [self.moving_files(), active];
        if order == Order::ActivityFirst {
            rest.reverse();
        }
        parts.extend(rest.into_iter().flatten());
        parts.join(" ")
    }

    /// How the user is reached with whom one talks, and how long messages wait on the way.
    fn link_in_view(&self) -> Option<String> {
        let (number, window, _) = self.windows.iter().find(|(.., is_current)| *is_current)?;
        let user = window.user.as_ref()?;
        let link = self.bars.links.get(user)?;
        let mut text = format!("[{number}:{} {}", text::excerpt(user, 16), link.word);
        if let Some(rtt) = link.rtt_ms {
            text.push_str(&format!(" {rtt}ms"));
        }
        text.push(']');
        if let Some(lag) = link.lag_ms {
            text.push_str(&format!(" [chat lag {lag}ms]"));
        }
        Some(text)
    }

    /// The transfers that move, in short: `[↓3 61% 8.1 MB/s 1m20]`.
    fn moving_files(&self) -> Option<String> {
        let short = |file: &FileLine| {
            let way = match file.direction {
                Direction::Sending => self.look.sign("↑", "^"),
                Direction::Receiving => self.look.sign("↓", "v"),
            };
            let how_far = units::progress(file).replace(" %", "%");
            let mut text = format!("{way}{} {how_far}", file.id);
            if file.rate > 0 {
                text.push_str(&format!(" {}/s", units::bytes(file.rate)));
            }
            if let Some(eta) = file.eta {
                text.push_str(&format!(" {}", units::seconds(eta)));
            }
            text
        };
        let moving = self.files.values().filter(|file| is_moving(file));
        let parts: Vec<String> = moving.map(short).collect();
        match parts.len() {
            0 => None,
            1 => Some(format!("[{}]", parts[0])),
            count => Some(format!("[{} +{}]", parts[0], count - 1)),
        }
    }
}

/// What the bar leaves out, or says earlier, where it is narrow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    All,
    WithoutLink,
    ActivityFirst,
}

fn activity((number, window, is_current): (usize, &Window, bool)) -> Option<String> {
    let activity = window.activity.filter(|_| !is_current)?;
    let mark = if activity == Activity::Mention { "!" } else { "" };
    let name = window.user.as_deref().unwrap_or(HOME);
    Some(format!("{number}:{}({}{mark})", text::excerpt(name, 16), window.unread))
}
