//! Who is who and who did what: accounts and the trail.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::admin::accounts::{
    self, AccountChange, AccountPage, AccountQuery, AccountWithPassword, AdminAccount, AtVersion,
    FirstPassword, NewAccount,
};
use crate::admin::trail::{self, TrailPage, TrailQuery};
use crate::kernel::ids::AccountId;
use crate::kernel::problem::Problem;
use crate::security::json::{Json, Path, Query};
use crate::security::{Administrator, password};

use super::Admin;

#[utoipa::path(
    get, path = "/api/v1/admin/accounts", tag = "admin", params(AccountQuery),
    responses((status = 200, body = AccountPage))
)]
pub async fn list_accounts(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Query(query): Query<AccountQuery>,
) -> Result<Json<AccountPage>, Problem> {
    Ok(Json(accounts::page(&mut admin.db.read().await?, &admin.act(me), &query).await?))
}

#[utoipa::path(
    post, path = "/api/v1/admin/accounts", tag = "admin", request_body = NewAccount,
    responses((status = 201, body = AccountWithPassword))
)]
pub async fn create_account(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Json(new): Json<NewAccount>,
) -> Result<(StatusCode, Json<AccountWithPassword>), Problem> {
    let temporary_password = password::temporary(&admin.chance);
    let hash = password::hash(&admin.chance, temporary_password.clone()).await?;
    let (act, first) = (admin.act(me), FirstPassword { hash, must_change: true });
    let id = AccountId::compose(act.now, admin.chance.bits());
    let unit =
        admin.db.write(move |tx| Box::pin(async move { accounts::create(tx, &act, id, new, &first).await }));
    let account = unit.await?;
    Ok((StatusCode::CREATED, Json(AccountWithPassword { account, temporary_password })))
}

#[utoipa::path(
    patch, path = "/api/v1/admin/accounts/{id}", tag = "admin", params(("id" = AccountId, Path)),
    request_body = AccountChange, responses((status = 200, body = AdminAccount))
)]
pub async fn change_account(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<AccountId>,
    Json(change): Json<AccountChange>,
) -> Result<Json<AdminAccount>, Problem> {
    let act = admin.act(me);
    let unit =
        admin.db.write(move |tx| Box::pin(async move { accounts::change(tx, &act, id, change).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    post, path = "/api/v1/admin/accounts/{id}/reset_password", tag = "admin",
    params(("id" = AccountId, Path)), request_body = AtVersion,
    responses((status = 200, body = AccountWithPassword))
)]
pub async fn reset_password(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<AccountId>,
    Json(at): Json<AtVersion>,
) -> Result<Json<AccountWithPassword>, Problem> {
    let temporary_password = password::temporary(&admin.chance);
    let hash = password::hash(&admin.chance, temporary_password.clone()).await?;
    let act = admin.act(me);
    let unit = admin
        .db
        .write(move |tx| Box::pin(async move { accounts::reset_password(tx, &act, id, at, &hash).await }));
    let account = unit.await?;
    Ok(Json(AccountWithPassword { account, temporary_password }))
}

#[utoipa::path(
    post, path = "/api/v1/admin/accounts/{id}/reset_totp", tag = "admin",
    params(("id" = AccountId, Path)), request_body = AtVersion,
    responses((status = 200, body = AdminAccount))
)]
pub async fn reset_totp(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<AccountId>,
    Json(at): Json<AtVersion>,
) -> Result<Json<AdminAccount>, Problem> {
    let act = admin.act(me);
    let unit =
        admin.db.write(move |tx| Box::pin(async move { accounts::reset_totp(tx, &act, id, at).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    post, path = "/api/v1/admin/accounts/{id}/deactivate", tag = "admin",
    params(("id" = AccountId, Path)), request_body = AtVersion,
    responses((status = 200, body = AdminAccount))
)]
pub async fn deactivate(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<AccountId>,
    Json(at): Json<AtVersion>,
) -> Result<Json<AdminAccount>, Problem> {
    let act = admin.act(me);
    let unit =
        admin.db.write(move |tx| Box::pin(async move { accounts::deactivate(tx, &act, id, at).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    post, path = "/api/v1/admin/accounts/{id}/activate", tag = "admin",
    params(("id" = AccountId, Path)), request_body = AtVersion,
    responses((status = 200, body = AdminAccount))
)]
pub async fn activate(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<AccountId>,
    Json(at): Json<AtVersion>,
) -> Result<Json<AdminAccount>, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { accounts::activate(tx, &act, id, at).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    get, path = "/api/v1/admin/audit", tag = "admin", params(TrailQuery),
    responses((status = 200, body = TrailPage))
)]
pub async fn read_trail(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Query(query): Query<TrailQuery>,
) -> Result<Json<TrailPage>, Problem> {
    let now = admin.clock.now();
    let noted = trail::is_noted(&mut admin.db.read().await?, &me, now).await?;
    if !noted {
        admin.db.write(move |tx| Box::pin(async move { trail::note(tx, &me, now).await })).await?;
    }
    Ok(Json(trail::page(&mut admin.db.read().await?, &query, &admin.zone).await?))
}
