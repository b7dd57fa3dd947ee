//! What must neither be shown nor stay behind.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password or a key: `Debug` hides it, so that no log line, panic or trace can show it, and it
/// is overwritten when dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Hides a value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value: to be used, not to be copied.
    #[must_use]
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Security acceptance D12.
    #[test]
    fn nothing_prints_a_secret() {
        #[derive(Debug)]
        struct Holder {
            #[expect(dead_code, reason = "read by Debug only")]
            password: Secret<String>,
            #[expect(dead_code, reason = "read by Debug only")]
            key: Option<Secret<[u8; 4]>>,
        }
        let key = Some(Secret::new([201, 202, 203, 204]));
        let holder = Holder { password: Secret::new("hunter2".to_owned()), key };
        for text in [format!("{holder:?}"), format!("{holder:#?}"), format!("{holder:x?}")] {
            assert!(!text.contains("hunter2") && !text.contains("201") && !text.contains("c9"));
            assert!(text.contains("Secret(..)"), "{text}");
        }
    }
}
