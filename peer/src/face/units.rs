//! Numbers as people read them.

use crate::output::FileLine;

/// Bytes in powers of 1000, three digits: `999 B`, `1.23 GB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut unit = 0;
    let mut divisor: u64 = 1000;
    while count / divisor >= 1000 && unit + 1 < UNITS.len() {
        divisor *= 1000;
        unit += 1;
    }
    // Hundredths, cut off rather than rounded: never "1000 MB".
    let hundredths = u128::from(count) * 100 / u128::from(divisor);
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match whole {
        0..10 => format!("{whole}.{rest:02} {}", UNITS[unit]),
        10..100 => format!("{whole}.{} {}", rest / 10, UNITS[unit]),
        _ => format!("{whole} {}", UNITS[unit]),
    }
}

/// Bits a second: `8.10 Mbit/s`.
#[must_use]
pub fn bit_rate(bits: u64) -> String {
    format!("{}it/s", bytes(bits).replace('B', "b"))
}

/// The size of a file, which is not known while it grows.
#[must_use]
pub fn size(count: Option<u64>) -> String {
    count.map_or_else(|| "live".to_owned(), bytes)
}

/// How far a transfer is: `45 %`, or of one that grows `live 34.0 MB`.
#[must_use]
pub fn progress(file: &FileLine) -> String {
    match file.percent() {
        Some(percent) => format!("{percent} %"),
        None => format!("live {}", bytes(file.done)),
    }
}

/// How fast a transfer goes and on which path: `, 8.10 MB/s, 12 s left, LAN`.
#[must_use]
pub fn pace(file: &FileLine) -> String {
    let mut parts = Vec::new();
    if file.state == "running" && file.rate > 0 {
        parts.push(format!("{}/s", bytes(file.rate)));
        parts.extend(file.eta.map(|eta| format!("{} left", seconds(eta))));
    }
    parts.extend(file.link.filter(|_| file.is_under_way()).map(str::to_owned));
    parts.into_iter().map(|part| format!(", {part}")).collect()
}

/// What there is of a transfer: its bytes, and of a folder how many files these are.
#[must_use]
pub fn content(files: Option<u64>, count: Option<u64>) -> String {
    match files {
        None => size(count),
        Some(1) => format!("1 file, {}", size(count)),
        Some(files) => format!("{files} files, {}", size(count)),
    }
}

/// Seconds: `8 s`, `1m20`, `2h05`, `3 days`.
#[must_use]
pub fn seconds(count: u64) -> String {
    match count {
        0..60 => format!("{count} s"),
        60..3600 => format!("{}m{:02}", count / 60, count % 60),
        3600..172_800 => format!("{}h{:02}", count / 3600, count / 60 % 60),
        _ => format!("{} days", count / 86_400),
    }
}

/// How much of `of` is `done`: whole per cent, 100 only when all is.
#[must_use]
pub fn percent(done: u64, of: u64) -> u64 {
    if done >= of {
        return 100;
    }
    u64::try_from(u128::from(done) * 100 / u128::from(of)).unwrap_or(99)
}

/// A size as typed: bytes, or with a suffix `k`, `M`, `G`, `T` (powers of 1000), or `Ki`, `Mi`,
/// `Gi`, `Ti` (powers of 1024); a final `B` changes nothing.
///
/// # Errors
/// A text for the person when it is no size.
pub fn parse_size(typed: &str) -> Result<u64, String> {
    let wrong = || format!("\"{typed}\" is no size: write a number and k, M, G or T, as in 500M");
    let digits = typed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = typed[digits.len()..].trim_end_matches(['b', 'B']).to_ascii_lowercase();
    let factor: u64 = match suffix.as_str() {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        "t" => 1_000_000_000_000,
        "ki" => 1 << 10,
        "mi" => 1 << 20,
        "gi" => 1 << 30,
        "ti" => 1 << 40,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = digits.trim().split_once('.').unwrap_or((digits.trim(), ""));
    let is_number = |s: &str| s.len() <= 18 && s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(wrong());
    }
    let number = |s: &str| s.parse::<u128>().unwrap_or(0);
    let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let bytes = (number(whole) * scale + number(fraction)) * u128::from(factor) / scale;
    u64::try_from(bytes).map_err(|_| format!("\"{typed}\" is more than any file can have"))
}

/// A speed as typed: a size, for each second.
///
/// # Errors
/// A text for the person when it is none, or when nothing would ever go.
pub fn parse_speed(typed: &str) -> Result<u64, String> {
    match parse_size(typed)? {
        0 => {
            Err("at 0 bytes a second nothing would go: '/pause NUMBER' stops a transfer".to_owned())
        }
        1..MIN_SPEED => Err(format!("the least is {} a second", bytes(MIN_SPEED))),
        speed => Ok(speed),
    }
}

/// Slower, and one piece of a file would take minutes.
const MIN_SPEED: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345_678, "12.3 MB"),
            (999_999_999, "999 MB"),
            (1_230_000_000, "1.23 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn seconds_are_short() {
        let texts = [(0, "0 s"), (59, "59 s"), (80, "1m20"), (7500, "2h05"), (300_000, "3 days")];
        for (count, text) in texts {
            assert_eq!(seconds(count), text);
        }
    }

    #[test]
    fn a_hundred_per_cent_is_all() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
        assert_eq!((percent(0, 0), percent(5, 5)), (100, 100));
    }

    #[test]
    fn sizes_as_typed() {
        for (typed, size) in [
            ("0", 0),
            ("12", 12),
            ("500M", 500_000_000),
            ("500MB", 500_000_000),
            ("1.5G", 1_500_000_000),
            ("2 GiB", 2 << 30),
            ("64k", 64_000),
        ] {
            assert_eq!(parse_size(typed), Ok(size), "{typed}");
        }
        for typed in ["", "M", "-1", "1x", "1.2.3", "12e3", "99999999999T", "١٢", "1 2"] {
            assert!(parse_size(typed).is_err(), "{typed}");
        }
    }
}
