//! What holds for every path of the contract, said once: the token, the header that names a purpose, and errors.

use super::auth::PURPOSE_HEADER;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Required, Response, ResponseBuilder};

/// The media type of errors (RFC 9457).
const PROBLEM: &str = "application/problem+json";

#[derive(OpenApi)]
#[openapi(
    info(title = "onrecord", description = "AI decisions, on the record.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    security(("token" = [])),
)]
struct Description;

/// The description before it has any path.
pub(super) fn opening() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    description.components.get_or_insert_default().add_security_scheme("token", scheme);
    description
}

/// Adds to every operation what no handler says of itself.
pub(super) fn complete(description: &mut utoipa::openapi::OpenApi) {
    for item in description.paths.paths.values_mut() {
        for operation in operations(item) {
            if operation.security.is_none() {
                need_token(operation);
            }
            let responses = operation.responses.responses.iter_mut();
            for response in responses.filter(|(status, _)| status.starts_with(['4', '5'])).map(|(_, response)| response)
            {
                if let RefOr::T(response) = response
                    && let Some(body) = response.content.shift_remove("application/json")
                {
                    response.content.insert(PROBLEM.to_owned(), body);
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn need_token(operation: &mut Operation) {
    operation.parameters.get_or_insert_default().push(RefOr::T(purpose()));
    let responses = &mut operation.responses.responses;
    for (status, meaning) in [("401", "a valid token is needed"), ("403", "the token does not allow this")] {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(meaning)));
    }
}

fn purpose() -> Parameter {
    ParameterBuilder::new()
        .name(PURPOSE_HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("What is read for: goes on the record with each reading"))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(500)).build()))
        .build()
}

fn problem(meaning: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(meaning).content(PROBLEM, body).build()
}
