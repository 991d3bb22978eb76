//! The admin API's token. It is made once; nothing here writes over one that exists.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::meta::{BROKER, Names};

/// The key of the token in its Secret.
pub const TOKEN_KEY: &str = "token";

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

/// The token in `secret`; none when it holds none, or one that no HTTP header can carry.
#[must_use]
pub fn token_of(secret: &Secret) -> Option<String> {
    let bytes = &secret.data.as_ref()?.get(TOKEN_KEY)?.0;
    let token = std::str::from_utf8(bytes).ok()?.trim();
    let sound = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    sound.then(|| token.to_owned())
}
