//! The words of `tc netem`, read into [`Impairment`]s: the same line serves the kernel's queue and
//! ours. What our own link can do beyond it stands between them: other options for the way back,
//! and a link that changes.

use core::time::Duration;
use std::iter::Peekable;

use crate::dice::Probability;
use crate::link::{Impairment, Loss};

/// How a link is for a while, or from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Each direction: from the first device to the second, and back.
    pub ways: [Impairment; 2],
    /// How long; until the end when `None`.
    pub lasts: Option<Duration>,
}

/// How long a phase may be that ends.
const SHORTEST: Duration = Duration::from_micros(1);
const LONGEST: Duration = Duration::from_hours(24);

/// How a link is, phase after phase; after the last one comes the first again, unless it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Phase>);

impl Schedule {
    /// Reads `OPTION.. [back OPTION..] [for TIME [then OPTION.. [back OPTION..] [for TIME]]..]`.
    /// Options hold for both directions, behind `back` for that one alone, and from phase to
    /// phase until another is given. They are those of `tc qdisc add .. netem`, for example
    /// `delay 50ms 10ms loss 5% rate 10mbit`, and one of our own, `queue BYTES`.
    ///
    /// # Errors
    /// Says which word is wrong. Correlations, distributions, gaps and slots are not taken.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let words: Vec<&str> = words.into_iter().collect();
        // Packets that come here have passed a device with an MTU of its own.
        let usual = Impairment { mtu: usize::MAX, ..Impairment::default() };
        let mut ways = [usual.clone(), usual];
        let mut phases: Vec<Phase> = Vec::new();
        for words in words.split(|word| *word == "then") {
            if phases.last().is_some_and(|phase| phase.lasts.is_none()) {
                return Err("then needs a phase before it that ends: for TIME".into());
            }
            let (words, lasts) = match words {
                [words @ .., "for", lasts] => (words, Some(time(lasts)?)),
                words => (words, None),
            };
            if lasts.is_some_and(|lasts| !(SHORTEST..=LONGEST).contains(&lasts)) {
                return Err("for takes a microsecond to a day".into());
            }
            let mut parts = words.splitn(2, |word| *word == "back");
            let both = parts.next().unwrap_or_default();
            let back = parts.next().unwrap_or_default();
            set(&mut ways[0], both)?;
            set(&mut ways[1], both)?;
            set(&mut ways[1], back)?;
            phases.push(Phase { ways: ways.clone(), lasts });
        }
        Ok(Self(phases))
    }

    /// How the link is so long after the schedule began.
    #[must_use]
    pub fn at(&self, since: Duration) -> &Phase {
        let mut left = since;
        if let Some(whole) = self.0.iter().map(|phase| phase.lasts).sum::<Option<Duration>>() {
            left = Duration::from_micros((left.as_micros() % whole.as_micros()) as u64);
        }
        for phase in &self.0 {
            match phase.lasts {
                Some(lasts) if left >= lasts => left -= lasts,
                Some(_) | None => return phase,
            }
        }
        self.0.last().expect("at least one")
    }
}

/// Reads options of one direction; what is not named stays.
fn set(link: &mut Impairment, words: &[&str]) -> Result<(), String> {
    let mut words = words.iter().copied().peekable();
    while let Some(option) = words.next() {
        match option {
            "delay" => {
                link.delay = time(argument(&mut words, option)?)?;
                link.jitter = optional(&mut words).map_or(Ok(Duration::ZERO), time)?;
            }
            "loss" => link.loss = loss(&mut words)?,
            "duplicate" => link.duplicate = argument(&mut words, option)?.parse()?,
            "reorder" => link.reorder = argument(&mut words, option)?.parse()?,
            "corrupt" => link.corrupt = argument(&mut words, option)?.parse()?,
            "rate" => link.rate = Some(rate(argument(&mut words, option)?)?),
            "limit" => {
                let limit = argument(&mut words, option)?;
                link.limit = limit.parse().map_err(|_| format!("not a number: {limit}"))?;
            }
            "queue" => {
                let queue = argument(&mut words, option)?;
                link.queue = queue.parse().map_err(|_| format!("not a number: {queue}"))?;
            }
            other => return Err(format!("unknown option: {other}")),
        }
    }
    if link.reorder != Probability::NEVER && link.delay.is_zero() {
        return Err("reorder needs a delay, as in tc".into());
    }
    Ok(())
}

/// The word after an option that needs one.
fn argument<'a>(
    words: &mut Peekable<impl Iterator<Item = &'a str>>,
    option: &str,
) -> Result<&'a str, String> {
    words.next().ok_or_else(|| format!("{option} needs a value"))
}

/// The next word if it is a value: values begin with a digit, options with a letter.
fn optional<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<&'a str> {
    words.next_if(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

/// `loss [random] P` and `loss gemodel P [R [1-H [1-K]]]`, with the defaults of tc.
fn loss<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Result<Loss, String> {
    if words.next_if_eq(&"gemodel").is_none() {
        let _ = words.next_if_eq(&"random");
        return Ok(Loss::Random(argument(words, "loss")?.parse()?));
    }
    let to_bad = argument(words, "loss gemodel")?;
    let mut or = |default: Probability| optional(words).map_or(Ok(default), str::parse);
    Ok(Loss::Burst {
        to_bad: to_bad.parse()?,
        to_good: or(to_bad.parse::<Probability>()?.complement())?,
        in_bad: or(Probability::ALWAYS)?,
        in_good: or(Probability::NEVER)?,
    })
}

/// `50ms`, `1.5s`, `100us`; without a unit microseconds.
fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds_per_unit = match unit {
        "s" | "sec" | "secs" => 1.0,
        "ms" | "msec" | "msecs" => 1e-3,
        "" | "us" | "usec" | "usecs" => 1e-6,
        _ => return Err(format!("not a time: {text}")),
    };
    let number: f64 = number.parse().map_err(|_| format!("not a time: {text}"))?;
    Duration::try_from_secs_f64(number * seconds_per_unit)
        .map_err(|_| format!("not a time: {text}"))
}

/// Bits per second: `10mbit`, `500kbit`, `1gbit`, `8000`, and bytes as `1mbps`.
fn rate(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let bits_per_unit: f64 = match unit {
        "" | "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        "bps" => 8.0,
        "kbps" => 8e3,
        "mbps" => 8e6,
        "gbps" => 8e9,
        _ => return Err(format!("not a rate: {text}")),
    };
    let bits = number.parse::<f64>().map_err(|_| format!("not a rate: {text}"))? * bits_per_unit;
    if !(1.0..=1e12).contains(&bits) {
        return Err(format!("rate out of range: {text}"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 10^12"
    )]
    Ok(bits as u64)
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(line: &str) -> Result<Schedule, String> {
        Schedule::parse(line.split_whitespace())
    }

    /// A line that holds for both directions, and from the beginning to the end.
    fn read(line: &str) -> Result<Impairment, String> {
        let Schedule(phases) = schedule(line)?;
        let [Phase { ways: [there, back], lasts: None }] = &*phases else {
            panic!("one phase: {phases:?}")
        };
        assert_eq!(there, back);
        Ok(there.clone())
    }

    #[test]
    fn reads_what_tc_reads() {
        let link = read(
            "delay 50ms 10ms loss 5% duplicate 1% reorder 25% corrupt 0.1% rate 10mbit limit 200",
        )
        .unwrap();
        let expected = Impairment {
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(10),
            loss: Loss::Random(Probability::percent(5.0)),
            duplicate: Probability::percent(1.0),
            reorder: Probability::percent(25.0),
            corrupt: Probability::percent(0.1),
            rate: Some(10_000_000),
            limit: 200,
            mtu: usize::MAX,
            queue: usize::MAX,
        };
        assert_eq!(link, expected);
        assert_eq!(read(""), Ok(Impairment { mtu: usize::MAX, ..Impairment::default() }));
        assert_eq!(read("delay 100").unwrap().delay, Duration::from_micros(100));
        assert_eq!(read("rate 1mbps").unwrap().rate, Some(8_000_000));
        assert_eq!(read("loss random 3"), read("loss 3%"));
        assert_eq!(read("rate 8bps queue 40000").unwrap().queue, 40_000);
    }

    #[test]
    fn burst_loss_has_the_defaults_of_tc() {
        let percent = Probability::percent;
        let burst = |line| read(line).unwrap().loss;
        assert_eq!(
            burst("loss gemodel 2%"),
            Loss::Burst {
                to_bad: percent(2.0),
                to_good: percent(98.0),
                in_bad: Probability::ALWAYS,
                in_good: Probability::NEVER
            }
        );
        assert_eq!(
            burst("loss gemodel 1% 20% 80% 0.5%"),
            Loss::Burst {
                to_bad: percent(1.0),
                to_good: percent(20.0),
                in_bad: percent(80.0),
                in_good: percent(0.5)
            }
        );
    }

    #[test]
    fn says_what_is_wrong() {
        for (line, error) in [
            ("delay", "delay needs a value"),
            ("delay 5parsecs", "not a time: 5parsecs"),
            ("delay -5ms", "not a time: -5ms"),
            ("loss 200%", "not a percentage: 200%"),
            ("rate fast", "not a rate: fast"),
            ("rate 0", "rate out of range: 0"),
            ("gap 5", "unknown option: gap"),
            ("delay 5ms 1ms 25%", "unknown option: 25%"),
            ("reorder 25%", "reorder needs a delay, as in tc"),
            ("delay 1ms then", "then needs a phase before it that ends: for TIME"),
            ("delay 1ms for 0s then rate 1mbit", "for takes a microsecond to a day"),
            ("delay 1ms for 86401s", "for takes a microsecond to a day"),
            ("for", "unknown option: for"),
            ("delay 1ms back rate 1mbit back", "unknown option: back"),
            ("rate 1mbit for ever", "not a time: ever"),
        ] {
            assert_eq!(read(line), Err(error.into()), "{line}");
        }
    }

    #[test]
    fn the_way_back_may_differ() {
        let link = schedule("delay 25ms rate 100mbit back rate 5mbit queue 31250").unwrap();
        let [there, back] = &link.at(Duration::ZERO).ways;
        assert_eq!((there.rate, there.queue), (Some(100_000_000), usize::MAX));
        assert_eq!((back.rate, back.queue), (Some(5_000_000), 31_250));
        assert_eq!((there.delay, back.delay), (Duration::from_millis(25), there.delay));
    }

    #[test]
    fn phases_follow_one_another_and_change_only_what_they_name() {
        let millis = Duration::from_millis;
        let rates = |line, times: &[u64]| {
            let link = schedule(line).unwrap();
            let rate = |at: &u64| {
                let [there, back] = &link.at(millis(*at)).ways;
                assert_eq!(
                    (there.delay, there.rate),
                    (millis(25), back.rate),
                    "both, and it stays"
                );
                there.rate.unwrap() / 1_000_000
            };
            times.iter().map(rate).collect::<Vec<_>>()
        };
        let round = "delay 25ms rate 100mbit for 1s then rate 50mbit for 500ms";
        assert_eq!(
            rates(round, &[0, 999, 1000, 1499, 1500, 2500, 3000]),
            [100, 100, 50, 50, 100, 50, 100]
        );
        let once = "delay 25ms rate 9mbit for 1s then rate 8mbit for 1s then rate 7mbit";
        assert_eq!(rates(once, &[999, 1000, 2000, 1_000_000_000]), [9, 8, 7, 7]);
    }
}
