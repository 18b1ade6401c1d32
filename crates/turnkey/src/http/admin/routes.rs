//! Every route with the least role that opens it: one table, from which both the router and the
//! OpenAPI document are made.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, Info, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::config::Role;
use crate::http::admin::failure::{ErrorBody, ErrorView, Failure};
use crate::http::admin::guard::guard;
use crate::http::admin::wire::{Answer, Json};
use crate::http::admin::{
    Admin, accounts, calls, clock, deliver, events, explanations, imports, instances, listings,
    metrics, operations, orders, products, purchases, renewals, secrets, stock, sweeper,
};

/// Longest body: what an import brings at once. More comes in several.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The name of the security scheme in the document.
const BEARER: &str = "bearer";

/// Who may do what.
fn table() -> Vec<(Role, UtoipaMethodRouter<Arc<Admin>>)> {
    use Role::{Operator, Viewer};
    vec![
        (Viewer, routes!(openapi)),
        (Viewer, routes!(clock::show)),
        (Role::Admin, routes!(clock::advance)),
        (Viewer, routes!(listings::list)),
        (Viewer, routes!(products::list)),
        (Viewer, routes!(calls::list)),
        (Viewer, routes!(calls::show)),
        (Operator, routes!(calls::request)),
        (Operator, routes!(explanations::explanation)),
        (Viewer, routes!(secrets::list)),
        (Viewer, routes!(accounts::list)),
        (Viewer, routes!(accounts::show)),
        (Operator, routes!(accounts::create)),
        (Operator, routes!(accounts::enable)),
        (Operator, routes!(accounts::disable)),
        (Operator, routes!(accounts::rotate)),
        (Operator, routes!(accounts::drop_old)),
        (Viewer, routes!(stock::list)),
        (Viewer, routes!(stock::levels)),
        (Operator, routes!(stock::add)),
        (Operator, routes!(deliver::deliver)),
        (Viewer, routes!(purchases::list)),
        (Viewer, routes!(purchases::show)),
        (Viewer, routes!(orders::list)),
        (Viewer, routes!(orders::show)),
        (Operator, routes!(orders::pay)),
        (Operator, routes!(orders::cancel)),
        (Viewer, routes!(instances::list)),
        (Viewer, routes!(instances::show)),
        (Operator, routes!(instances::access)),
        (Operator, routes!(instances::release)),
        (Operator, routes!(renewals::renew)),
        (Operator, routes!(imports::import)),
        (Viewer, routes!(operations::list)),
        (Viewer, routes!(operations::show)),
        (Operator, routes!(operations::retry)),
        (Viewer, routes!(events::list)),
        (Viewer, routes!(sweeper::show)),
        (Operator, routes!(sweeper::resume)),
    ]
}

/// The router: every route behind its role, everything else behind a token.
pub(super) fn router(admin: &Arc<Admin>) -> Router {
    let mut router = OpenApiRouter::new();
    for (role, (schemas, paths, methods)) in table() {
        let guarded = methods.route_layer(from_fn_with_state((Arc::clone(admin), role), guard));
        router = router.routes((schemas, paths, guarded));
    }
    let (router, _) = router.split_for_parts();
    router
        .route("/metrics", get(metrics::text))
        .fallback(nowhere)
        .method_not_allowed_fallback(nowhere)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(map_response(unkept))
        .with_state(Arc::clone(admin))
}

/// The OpenAPI document, made from the same table.
#[must_use]
pub fn document() -> OpenApi {
    let mut info = Info::new("Turnkey admin API", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Runs the shop. Lists are newest first: put `next` into `after` to get the next page."
            .to_owned(),
    );
    let mut components = Components::new();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(BEARER, bearer);
    let empty = OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build();
    let mut router = OpenApiRouter::<Arc<Admin>>::with_openapi(empty);
    for (role, (mut schemas, mut paths, methods)) in table() {
        schemas.extend(schema::<ErrorBody>());
        schemas.extend(schema::<ErrorView>());
        for item in paths.paths.values_mut() {
            for operation in operations(item) {
                describe(operation, role);
            }
        }
        router = router.routes((schemas, paths, methods));
    }
    router.into_openapi()
}

fn schema<T: utoipa::ToSchema>() -> Option<(
    String,
    utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
)> {
    Some((T::name().into_owned(), T::schema()))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch]
        .into_iter()
        .filter_map(Option::as_mut)
}

/// What is the same for every operation: the token, the role, the shape of a refusal.
fn describe(operation: &mut Operation, role: Role) {
    let needs = SecurityRequirement::new(BEARER, [role.name()]);
    operation.security = Some(vec![needs]);
    // Every noun has a `list`; the document needs a name for each.
    let tag = operation.tags.iter().flatten().next();
    if let (Some(tag), Some(name)) = (tag, &operation.operation_id) {
        operation.operation_id = Some(format!("{tag}_{name}"));
    }
    let role = Extensions::builder().add("x-turnkey-role", role.name());
    operation.extensions = Some(role.build());
    let refusal = ResponseBuilder::new()
        .description("Refused.")
        .content(
            "application/json",
            Content::new(Some(Ref::from_schema_name(ErrorBody::name_of()))),
        )
        .build();
    let responses = &mut operation.responses.responses;
    responses.insert("default".to_owned(), refusal.into());
}

impl ErrorBody {
    fn name_of() -> String {
        <Self as utoipa::ToSchema>::name().into_owned()
    }
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi", responses((status = OK)))]
async fn openapi() -> Answer<OpenApi> {
    Ok(Json(document()))
}

/// What no route answers. Whoever has no token does not learn what there is.
async fn nowhere(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    method: Method,
    request: Request,
) -> Failure {
    match admin.caller(&headers, Role::Viewer) {
        Ok(_) => Failure::new(
            StatusCode::NOT_FOUND,
            "route_unknown",
            format!(
                "there is no {method} {}; see /api/v1/openapi.json",
                request.uri().path()
            ),
        ),
        Err(failure) => failure,
    }
}

/// Answers are for whoever asked, now.
async fn unkept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
