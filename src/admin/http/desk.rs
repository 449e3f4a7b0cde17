//! What the desk is: desks, days, topics, settings.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::admin::days::{self, DayList, DayOverride, LawDayList, WhichDay, YearQuery};
use crate::admin::desks::{self, AdminDesk, DeskChange, DeskList, NewDesk};
use crate::admin::settings::{self, AdminSettings, SettingsChange};
use crate::admin::topics::{self, AdminTopic, NewTopic, TopicChange, TopicList};
use crate::kernel::ids::DeskId;
use crate::kernel::problem::Problem;
use crate::security::Administrator;
use crate::security::json::{Json, Path, Query};

use super::Admin;

#[utoipa::path(
    get, path = "/api/v1/admin/desks", tag = "admin",
    responses((status = 200, body = DeskList))
)]
pub async fn list_desks(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
) -> Result<Json<DeskList>, Problem> {
    let items = desks::list(&mut admin.db.read().await?, me.pool).await?;
    Ok(Json(DeskList { items }))
}

#[utoipa::path(
    post, path = "/api/v1/admin/desks", tag = "admin", request_body = NewDesk,
    responses((status = 201, body = AdminDesk))
)]
pub async fn create_desk(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Json(new): Json<NewDesk>,
) -> Result<(StatusCode, Json<AdminDesk>), Problem> {
    let act = admin.act(me);
    let id = DeskId::compose(act.now, admin.chance.bits());
    let made = admin.db.write(move |tx| Box::pin(async move { desks::create(tx, &act, id, new).await }));
    Ok((StatusCode::CREATED, Json(made.await?)))
}

#[utoipa::path(
    patch, path = "/api/v1/admin/desks/{id}", tag = "admin", params(("id" = DeskId, Path)),
    request_body = DeskChange, responses((status = 200, body = AdminDesk))
)]
pub async fn change_desk(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<DeskId>,
    Json(change): Json<DeskChange>,
) -> Result<Json<AdminDesk>, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { desks::change(tx, &act, id, change).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    get, path = "/api/v1/admin/days", tag = "admin", params(YearQuery),
    responses((status = 200, body = DayList))
)]
pub async fn list_days(
    State(admin): State<Arc<Admin>>,
    _: Administrator,
    Query(asked): Query<YearQuery>,
) -> Result<Json<DayList>, Problem> {
    days::check_year(asked.year)?;
    let items = days::list(&mut admin.db.read().await?, asked.year).await?;
    Ok(Json(DayList { items }))
}

#[utoipa::path(
    put, path = "/api/v1/admin/days", tag = "admin", request_body = DayOverride,
    responses((status = 200, body = DayOverride))
)]
pub async fn put_day(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Json(day): Json<DayOverride>,
) -> Result<Json<DayOverride>, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { days::put(tx, &act, day).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    delete, path = "/api/v1/admin/days", tag = "admin", params(WhichDay),
    responses((status = 204))
)]
pub async fn delete_day(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Query(which): Query<WhichDay>,
) -> Result<StatusCode, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { days::delete(tx, &act, &which).await }));
    unit.await.map(|()| StatusCode::NO_CONTENT)
}

#[utoipa::path(
    get, path = "/api/v1/admin/days/law", tag = "admin", params(YearQuery),
    responses((status = 200, body = LawDayList))
)]
pub async fn days_by_law(
    _: Administrator,
    Query(asked): Query<YearQuery>,
) -> Result<Json<LawDayList>, Problem> {
    days::check_year(asked.year).map(|()| Json(LawDayList { items: days::by_law(asked.year) }))
}

#[utoipa::path(
    get, path = "/api/v1/admin/topics", tag = "admin",
    responses((status = 200, body = TopicList))
)]
pub async fn list_topics(
    State(admin): State<Arc<Admin>>,
    _: Administrator,
) -> Result<Json<TopicList>, Problem> {
    let items = topics::list(&mut admin.db.read().await?).await?;
    Ok(Json(TopicList { items }))
}

#[utoipa::path(
    post, path = "/api/v1/admin/topics", tag = "admin", request_body = NewTopic,
    responses((status = 201, body = AdminTopic))
)]
pub async fn create_topic(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Json(new): Json<NewTopic>,
) -> Result<(StatusCode, Json<AdminTopic>), Problem> {
    let act = admin.act(me);
    let made = admin.db.write(move |tx| Box::pin(async move { topics::create(tx, &act, new).await }));
    Ok((StatusCode::CREATED, Json(made.await?)))
}

#[utoipa::path(
    patch, path = "/api/v1/admin/topics/{id}", tag = "admin", params(("id" = String, Path)),
    request_body = TopicChange, responses((status = 200, body = AdminTopic))
)]
pub async fn change_topic(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Path(id): Path<String>,
    Json(change): Json<TopicChange>,
) -> Result<Json<AdminTopic>, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { topics::change(tx, &act, &id, change).await }));
    unit.await.map(Json)
}

#[utoipa::path(
    get, path = "/api/v1/admin/settings", tag = "admin",
    responses((status = 200, body = AdminSettings))
)]
pub async fn read_settings(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
) -> Result<Json<AdminSettings>, Problem> {
    Ok(Json(settings::read(&mut admin.db.read().await?, me.pool).await?))
}

#[utoipa::path(
    patch, path = "/api/v1/admin/settings", tag = "admin", request_body = SettingsChange,
    responses((status = 200, body = AdminSettings))
)]
pub async fn change_settings(
    State(admin): State<Arc<Admin>>,
    Administrator(me): Administrator,
    Json(change): Json<SettingsChange>,
) -> Result<Json<AdminSettings>, Problem> {
    let act = admin.act(me);
    let unit = admin.db.write(move |tx| Box::pin(async move { settings::change(tx, &act, change).await }));
    unit.await.map(Json)
}
