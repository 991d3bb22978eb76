//! The broker's errors as gRPC statuses, in one place.

use postroad_types::{Error, ErrorKind};
use tonic::{Code, Status};

/// The gRPC code of a kind of failure.
pub fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::InvalidArgument => Code::InvalidArgument,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        ErrorKind::FailedPrecondition => Code::FailedPrecondition,
        ErrorKind::ResourceExhausted => Code::ResourceExhausted,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Unsupported => Code::Unimplemented,
        ErrorKind::Internal => Code::Internal,
    }
}

/// The answer to a unary call that failed.
pub fn unary(error: Error) -> Status {
    Status::new(code(error.kind), error.message)
}

/// The end of a stream that failed. Official clients open a stream again after UNAVAILABLE, but give up for good after
/// RESOURCE_EXHAUSTED, so a bound that was reached is told as UNAVAILABLE here.
pub fn stream(error: Error) -> Status {
    match error.kind {
        ErrorKind::ResourceExhausted => Status::unavailable(error.message),
        kind => Status::new(code(kind), error.message),
    }
}

/// What calls and streams get while the broker stops; clients then connect again.
pub fn stopping() -> Status {
    Status::unavailable("this broker is stopping: connect again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code_and_keeps_its_sentence() {
        for (kind, expected) in [
            (ErrorKind::InvalidArgument, Code::InvalidArgument),
            (ErrorKind::NotFound, Code::NotFound),
            (ErrorKind::AlreadyExists, Code::AlreadyExists),
            (ErrorKind::FailedPrecondition, Code::FailedPrecondition),
            (ErrorKind::ResourceExhausted, Code::ResourceExhausted),
            (ErrorKind::Unavailable, Code::Unavailable),
            (ErrorKind::Unsupported, Code::Unimplemented),
            (ErrorKind::Internal, Code::Internal),
        ] {
            let status = unary(Error::new(kind, "what was wrong"));
            assert_eq!((status.code(), status.message()), (expected, "what was wrong"));
        }
    }

    #[test]
    fn a_stream_never_ends_with_a_code_that_makes_clients_give_up_on_a_bound() {
        assert_eq!(stream(Error::exhausted("full")).code(), Code::Unavailable);
        assert_eq!(stream(Error::not_found("x")).code(), Code::NotFound);
    }
}
