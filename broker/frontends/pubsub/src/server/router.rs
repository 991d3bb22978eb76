//! From a request's path to a call, and what every call passes through: counting, and the choice of compression.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt;
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Code, Status};

use crate::context::Context;
use crate::metrics::{Call, Metrics};
use crate::proto::iam::iam_policy_server::IamPolicyServer;
use crate::proto::pubsub::publisher_server::PublisherServer;
use crate::proto::pubsub::schema_service_server::SchemaServiceServer;
use crate::proto::pubsub::subscriber_server::SubscriberServer;
use crate::unimplemented::{NoPolicies, NoSchemas};

/// The longest request, compressed or not: a publish of 10 MB and what the encoding adds, with room to refuse somewhat
/// larger ones in words. What expands beyond it is not expanded further.
const MAX_REQUEST_BYTES: usize = 20 << 20;

/// Every call of Pub/Sub.
pub fn calls(context: Context, metrics: Metrics) -> Router {
    let publisher = PublisherServer::new(context.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    let subscriber = SubscriberServer::new(context)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_REQUEST_BYTES);
    let schemas = SchemaServiceServer::new(NoSchemas).accept_compressed(CompressionEncoding::Gzip);
    let policies = IamPolicyServer::new(NoPolicies).accept_compressed(CompressionEncoding::Gzip);
    Routes::new(publisher)
        .add_service(subscriber)
        .add_service(schemas)
        .add_service(policies)
        .into_axum_router()
        .fallback(not_served)
        .layer(from_fn_with_state(metrics, observe))
}

/// The answer to everything when as many connections as allowed are open. UNAVAILABLE, because clients try again then.
pub fn refusing(limit: usize) -> Router {
    let answer = move |request: Request| async move {
        let sentence =
            format!("this broker has {limit} Pub/Sub connections, as many as it may: try again later");
        refusal(
            request.headers(),
            &Status::unavailable(sentence),
            StatusCode::SERVICE_UNAVAILABLE,
        )
    };
    Router::new().fallback(answer)
}

/// Counts the call, and compresses its answers only if the request was compressed: most gRPC libraries *accept* gzip
/// unasked, and compressing every message for them would cost far more than it saves.
async fn observe(State(metrics): State<Metrics>, mut request: Request, next: Next) -> Response {
    let call = metrics.begin(request.uri().path());
    let compressed = request
        .headers()
        .get("grpc-encoding")
        .is_some_and(|encoding| encoding == "gzip");
    if !compressed {
        request.headers_mut().remove("grpc-accept-encoding");
    }
    let response = if call.is_known() {
        next.run(request).await
    } else {
        not_served(request).await
    };
    count_end(call, response)
}

/// Ends `call` with the status that the response carries, in its head or at the end of its body.
fn count_end(call: Call, response: Response) -> Response {
    if let Some(code) = grpc_code(response.headers()) {
        call.end(code);
        return response;
    }
    if !is_grpc(response.headers()) {
        call.end(Code::Unimplemented);
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                call.end(grpc_code(trailers).unwrap_or(Code::Unknown));
            }
            frame
        }))
    })
}

/// A path that is no call: REST, a browser, or a method that is newer than this front end.
async fn not_served(request: Request) -> Response {
    let sentence = if is_grpc(request.headers()) {
        format!(
            "{} is not a method that Postroad's Pub/Sub knows",
            request.uri().path()
        )
    } else {
        "Postroad speaks Pub/Sub over gRPC on this port; REST is not supported yet".to_owned()
    };
    refusal(
        request.headers(),
        &Status::unimplemented(sentence),
        StatusCode::NOT_IMPLEMENTED,
    )
}

/// `status` in the words of whoever asks: gRPC, or Google's error JSON with the HTTP status `http`.
fn refusal(asked: &HeaderMap, status: &Status, http: StatusCode) -> Response {
    if is_grpc(asked) {
        return status.clone().into_http::<Body>();
    }
    let name = if http == StatusCode::NOT_IMPLEMENTED {
        "UNIMPLEMENTED"
    } else {
        "UNAVAILABLE"
    };
    let error = serde_json::json!({
        "error": { "code": http.as_u16(), "message": status.message(), "status": name }
    });
    let json = HeaderValue::from_static("application/json; charset=UTF-8");
    (http, [(CONTENT_TYPE, json)], error.to_string()).into_response()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

fn grpc_code(headers: &HeaderMap) -> Option<Code> {
    headers
        .get("grpc-status")
        .map(|code| Code::from_bytes(code.as_bytes()))
}
