//! Endpoints. Agents' lines and calls; visitors' web calls. The administrator's are in `admin`.

pub mod calls;
