//! Whatever a core reports as an error ends its run, like any broken invariant.

use core::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Runs something during which no event of level ERROR may happen on this thread.
///
/// # Panics
/// At the first such event, from where it happens.
pub fn watch<R>(run: impl FnOnce() -> R) -> R {
    tracing::subscriber::with_default(Alarm, run)
}

struct Alarm;

impl Subscriber for Alarm {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        panic!("an error in {}:{}", event.metadata().target(), fields.0);
    }

    // Spans are of no interest.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing into a string cannot fail.
        let _ = write!(self.0, " {field}={value:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "message=the store is odd ticket=7")]
    fn an_error_ends_the_run() {
        watch(|| tracing::error!(ticket = 7, "the store is odd"));
    }

    #[test]
    fn anything_less_does_not_nor_what_others_do() {
        let answer = watch(|| {
            tracing::warn!("this happens");
            std::thread::spawn(|| tracing::error!("not ours")).join().unwrap();
            42
        });
        tracing::error!("after the run");
        assert_eq!(answer, 42);
    }
}
