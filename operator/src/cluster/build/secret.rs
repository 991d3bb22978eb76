//! The admin API's token. It is made once; nothing here writes over one that exists.

use std::ops::RangeInclusive;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::meta::{BROKER, Names};

/// The key of the token in its Secret.
pub const TOKEN_KEY: &str = "token";

/// How long the broker lets a token be, in bytes; each a visible ASCII character (docs/admin-api.md).
pub const TOKEN_BYTES: RangeInclusive<usize> = 16..=4_096;

/// The Secret with `token`.
#[must_use]
pub fn token_secret(names: &Names, token: &str) -> Secret {
    Secret {
        metadata: names.meta(names.token(), BROKER),
        type_: Some("Opaque".to_owned()),
        data: Some([(TOKEN_KEY.to_owned(), ByteString(token.as_bytes().to_vec()))].into()),
        ..Secret::default()
    }
}

/// The token in `secret`; none when it holds none, or one that the broker does not take.
#[must_use]
pub fn token_of(secret: &Secret) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get(TOKEN_KEY)?.0;
    let token = std::str::from_utf8(bytes).ok()?.trim_ascii();
    let sound = TOKEN_BYTES.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_that_the_broker_takes() {
        let taken = |token: &str| {
            let data = [(TOKEN_KEY.to_owned(), ByteString(token.as_bytes().to_vec()))].into();
            token_of(&Secret {
                data: Some(data),
                ..Secret::default()
            })
        };
        assert_eq!(taken("sixteen-letters!\n").as_deref(), Some("sixteen-letters!"));
        assert!(taken(&"x".repeat(4_096)).is_some());
        for wrong in [
            "",
            "fifteen-letters",
            "with a space in it",
            "sixteen-lett\u{e9}rs!",
            &"x".repeat(4_097),
        ] {
            assert_eq!(taken(wrong), None, "{wrong}");
        }
    }
}
