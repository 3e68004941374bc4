//! The pages on this machine: worklist, decision, ledger, dossier. Server-rendered; scripts move
//! nothing but the image. Addresses hold ledger indices only.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Form, Path as UrlPath, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use candour_device::{
    DecisionEntry, Entry, Index, Reading, Shown, WINDOW_LUNG, Workspace, WorkspaceError,
};
use candour_dicom::{PatientIdentity, Picture};
use candour_ledger::{LedgerError, View};
use candour_record::{DecisionOutcome, Purpose, Record, Verdict};
use serde::Deserialize;

use crate::failure::Failure;
use crate::world::{random_hex, world};
use crate::{Done, commands, dossier, say, verify};

const CSP: &str = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A dossier's page has its own style and its evidence inside, and may do nothing else.
const CSP_DOSSIER: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-downloads";
const ROWS: usize = 100;

struct Pages {
    dir: PathBuf,
    port: u16,
    /// Proves that a form came from a page of this server.
    token: String,
    /// The ledger as last read, by its signed note.
    read: Mutex<Option<Read>>,
    /// The decision last opened: its images are asked for many times.
    opened: Mutex<Option<(u64, Arc<Shown>)>>,
    /// Who ruled last on this machine, so that the next verdict takes one key; kept in memory only.
    reader: Mutex<String>,
}

/// A signed note and the ledger and index it belongs to.
type Read = (String, Arc<(View, Index)>);

/// Serves the pages on 127.0.0.1 until the process is told to stop.
pub(crate) fn serve(dir: &Path, port: u16) -> Done {
    Workspace::view(dir)?;
    let token = random_hex()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .map_err(|e| {
                Failure::Misuse(format!(
                    "127.0.0.1:{port}: {e}; give another port with --port, or 0 for a free one"
                ))
            })?;
        let port = listener.local_addr()?.port();
        let pages = Arc::new(Pages {
            dir: dir.to_owned(),
            port,
            token,
            read: Mutex::default(),
            opened: Mutex::default(),
            reader: Mutex::default(),
        });
        say(format_args!(
            "   pages                http://127.0.0.1:{port}/ (stop with Ctrl-C)"
        ));
        axum::serve(listener, router(pages))
            .with_graceful_shutdown(stop())
            .await?;
        Ok(())
    })
}

async fn stop() {
    // Where the handler cannot be installed, the default action still ends the process.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(worklist))
        .route("/decision/{index}", get(decision))
        .route("/decision/{index}/image.png", get(image))
        .route("/decision/{index}/oversee", post(oversee))
        .route("/ledger", get(ledger))
        .route("/ledger/{index}", get(record))
        .route("/ledger/{index}/proof", get(proof))
        .route("/dossier", get(dossiers))
        .route("/regulation", get(regulations))
        .route("/regulation/{folder}", get(regulation_page))
        .route("/dossier/{folder}/{file}", get(dossier_file))
        .route(
            "/candour.css",
            get(|| asset("text/css", include_bytes!("../assets/candour.css"))),
        )
        .route(
            "/candour.js",
            get(|| asset("text/javascript", include_bytes!("../assets/candour.js"))),
        )
        .route("/icon.svg", get(|| asset("image/svg+xml", ICON)))
        .fallback(|| async { message(StatusCode::NOT_FOUND, "Not here", "There is no such page.") })
        .layer(middleware::from_fn_with_state(Arc::clone(&pages), guard))
        .with_state(pages)
}

const ICON: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 16 16\"><circle cx=\"8\" cy=\"8\" r=\"7\" fill=\"#101418\" stroke=\"#e4e9ed\"/><path d=\"M11 5a4 4 0 1 0 0 6\" fill=\"none\" stroke=\"#e4e9ed\" stroke-width=\"2\"/></svg>";

async fn asset(kind: &'static str, bytes: &'static [u8]) -> Response {
    respond(StatusCode::OK, kind, bytes.to_vec())
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => respond(status, "text/html; charset=utf-8", text),
        Err(_) => respond(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            "the page cannot be rendered",
        ),
    }
}

/// Refuses what comes by another name than this machine's (DNS rebinding) or from a foreign page,
/// and sets the headers every answer has.
async fn guard(State(pages): State<Arc<Pages>>, request: Request, next: Next) -> Response {
    let mut response = if from_here(request.headers(), pages.port) {
        next.run(request).await
    } else {
        message(
            StatusCode::FORBIDDEN,
            "Refused",
            "The request names another host than this machine, or comes from a foreign page.",
        )
    };
    let headers = response.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CSP),
        );
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn from_here(headers: &HeaderMap, port: u16) -> bool {
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let host = text(header::HOST).is_some_and(|h| own.iter().any(|o| o == h));
    // A browser names the origin `null` for a form where the referrer policy hides it; the token decides then.
    let origin = text(header::ORIGIN)
        .is_none_or(|o| o == "null" || own.iter().any(|h| o == format!("http://{h}")));
    host && origin
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    tab: &'static str,
    title: &'a str,
    text: &'a str,
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    html(
        status,
        &Message {
            tab: "",
            title,
            text,
        },
    )
}

fn failed(e: &WorkspaceError) -> Response {
    match e {
        WorkspaceError::NoDecision(_) => message(StatusCode::NOT_FOUND, "Not here", &e.to_string()),
        WorkspaceError::Misuse(_) => {
            message(StatusCode::BAD_REQUEST, "Not accepted", &e.to_string())
        }
        WorkspaceError::Ledger(LedgerError::Locked(_)) => message(
            StatusCode::SERVICE_UNAVAILABLE,
            "Busy",
            "Another process is taking studies in. Nothing was lost and nothing was sealed; send it again when that has ended.",
        ),
        // Without paths: they are for the operator's terminal.
        _ => message(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Cannot be shown",
            "The workspace cannot be read or written. On the machine: candour ledger check.",
        ),
    }
}

/// Runs what reads or writes files away from the threads that answer requests.
async fn blocking(
    pages: Arc<Pages>,
    work: impl FnOnce(&Pages) -> Result<Response, WorkspaceError> + Send + 'static,
) -> Response {
    match tokio::task::spawn_blocking(move || work(&pages)).await {
        Ok(Ok(response)) => response,
        Ok(Err(e)) => failed(&e),
        Err(_) => message(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Cannot be shown",
            "The page could not be made.",
        ),
    }
}

impl Pages {
    fn read(&self) -> Result<Arc<(View, Index)>, WorkspaceError> {
        let view = View::open(&self.dir.join("ledger"))?;
        let note = view.note().to_owned();
        let Ok(mut held) = self.read.lock() else {
            return Workspace::view(&self.dir).map(Arc::new);
        };
        if let Some((_, both)) = held.as_ref().filter(|(n, _)| *n == note) {
            return Ok(Arc::clone(both));
        }
        let both = Arc::new(Workspace::view(&self.dir)?);
        *held = Some((both.0.note().to_owned(), Arc::clone(&both)));
        Ok(both)
    }

    fn shown(&self, index: &Index, entry: &DecisionEntry) -> Result<Arc<Shown>, WorkspaceError> {
        let Ok(mut held) = self.opened.lock() else {
            return Err(WorkspaceError::Misuse(
                "the server must be started again".into(),
            ));
        };
        if let Some((_, shown)) = held.as_ref().filter(|(i, _)| *i == entry.index) {
            return Ok(Arc::clone(shown));
        }
        let shown = Arc::new(candour_device::show(
            &Workspace::vault(&self.dir)?,
            index,
            entry,
        )?);
        *held = Some((entry.index, Arc::clone(&shown)));
        Ok(shown)
    }
}

const fn key_of(outcome: DecisionOutcome) -> &'static str {
    match outcome {
        DecisionOutcome::Finding => "finding",
        DecisionOutcome::NoFinding => "no_finding",
        DecisionOutcome::Abstained => "abstained",
    }
}

/// A sign for each outcome, so that none is told by colour alone.
fn sign_of(key: &str) -> &'static str {
    match key {
        "finding" => "\u{25b2}",
        "no_finding" => "\u{25cb}",
        "abstained" => "\u{25c7}",
        _ => "\u{2715}",
    }
}

fn label_of(key: &str) -> &'static str {
    match key {
        "finding" => "Finding",
        "no_finding" => "No finding",
        "abstained" => "Abstained",
        _ => "Refused",
    }
}

struct CountCell {
    key: &'static str,
    count: usize,
    label: &'static str,
}

struct WorkRow {
    link: String,
    index: u64,
    at: String,
    case: String,
    outcome: &'static str,
    sign: &'static str,
    label: &'static str,
    probability: String,
    detail: String,
    reader: &'static str,
}

#[derive(Template)]
#[template(path = "worklist.html")]
struct Worklist {
    tab: &'static str,
    counts: Vec<CountCell>,
    show: String,
    rows: Vec<WorkRow>,
    more: usize,
    limit: usize,
}

#[derive(Deserialize)]
struct WorklistQuery {
    show: Option<String>,
    limit: Option<usize>,
}

fn short_time(at: candour_record::Timestamp) -> String {
    at.to_string()
        .replace('T', " ")
        .chars()
        .take(19)
        .collect::<String>()
        + " UTC"
}

async fn worklist(State(pages): State<Arc<Pages>>, Query(query): Query<WorklistQuery>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let index = &read.1;
        let c = index.counts();
        let counts: Vec<CountCell> = [
            (
                "all",
                c.finding + c.no_finding + c.abstained + c.refused,
                "All",
            ),
            ("finding", c.finding, "Finding"),
            ("no_finding", c.no_finding, "No finding"),
            ("abstained", c.abstained, "Abstained"),
            ("refused", c.refused, "Refused"),
        ]
        .map(|(key, count, label)| CountCell { key, count, label })
        .into();
        let show = query
            .show
            .filter(|s| counts.iter().any(|c| c.key == s))
            .unwrap_or_else(|| "all".into());
        let limit = query.limit.unwrap_or(ROWS).clamp(1, 100_000);
        let all: Vec<WorkRow> = index
            .entries()
            .iter()
            .rev()
            .filter_map(work_row)
            .filter(|r| show == "all" || r.outcome == show)
            .collect();
        let more = all.len().saturating_sub(limit);
        let rows = all.into_iter().take(limit).collect();
        Ok(html(
            StatusCode::OK,
            &Worklist {
                tab: "worklist",
                counts,
                show,
                rows,
                more,
                limit,
            },
        ))
    })
    .await
}

fn work_row(entry: &Entry) -> Option<WorkRow> {
    match entry {
        Entry::Decision(d) if d.decided.purpose == Purpose::Use => {
            let key = key_of(d.decided.outcome);
            Some(WorkRow {
                link: format!("/decision/{}", d.index),
                index: d.index,
                at: short_time(d.at),
                case: d.decided.case.to_string().chars().take(8).collect(),
                outcome: key,
                sign: sign_of(key),
                label: label_of(key),
                probability: format!("{:.3}", d.decided.probability.get()),
                detail: d.decided.model_version.clone(),
                reader: match d.overseen.last().map(|(_, _, o)| o.verdict) {
                    Some(Verdict::Agree) => "agreed",
                    Some(Verdict::Edit) => "edited",
                    Some(Verdict::Overrule) => "overruled",
                    None => "not read yet",
                },
            })
        }
        Entry::Refusal(r) if r.refused.purpose == Purpose::Use => Some(WorkRow {
            link: format!("/ledger/{}", r.index),
            index: r.index,
            at: short_time(r.at),
            case: r.refused.case.map_or_else(
                || "none".into(),
                |c| c.to_string().chars().take(8).collect(),
            ),
            outcome: "refused",
            sign: sign_of("refused"),
            label: label_of("refused"),
            probability: String::new(),
            detail: format!(
                "{}: {}; allowed: {}",
                r.refused.criterion, r.refused.found, r.refused.allowed
            ),
            reader: "",
        }),
        _ => None,
    }
}

struct ImageCell {
    slice: usize,
    slices: usize,
    center: i64,
    width: i64,
    opacity: u32,
    alt: String,
    legend: &'static str,
}

struct Contribution {
    y: usize,
    name: String,
    class: &'static str,
    x: String,
    width: String,
    value: String,
    adds: String,
}

struct Band {
    x: String,
    width: String,
}

struct VerdictCell {
    verdict: &'static str,
    name: String,
    at: String,
    index: u64,
    reason: String,
}

#[derive(Template)]
#[template(path = "decision.html")]
struct DecisionPage {
    tab: &'static str,
    index: u64,
    outcome: &'static str,
    sign: &'static str,
    label: String,
    patient: Option<String>,
    case: String,
    message: Option<String>,
    proof_fault: Option<String>,
    image: Option<ImageCell>,
    contributions: Vec<Contribution>,
    probability: String,
    threshold: String,
    threshold_x: String,
    probability_x: String,
    band: Option<Band>,
    sentences: Vec<String>,
    verdicts: Vec<VerdictCell>,
    token: String,
    reader: String,
    size: u64,
    at: String,
    model: String,
    package: String,
    engine: String,
    explanation: String,
    tolerated: Option<String>,
    released: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct ImageQuery {
    slice: Option<usize>,
    center: Option<f64>,
    width: Option<f64>,
    opacity: Option<f64>,
    done: Option<u64>,
}

impl ImageQuery {
    fn window(&self) -> (f64, f64) {
        let good = |v: Option<f64>, or: f64, lo: f64, hi: f64| {
            v.filter(|v| v.is_finite()).unwrap_or(or).clamp(lo, hi)
        };
        (
            good(self.center, WINDOW_LUNG.0, -2000.0, 4000.0),
            good(self.width, WINDOW_LUNG.1, 1.0, 8000.0),
        )
    }

    fn opacity(&self) -> f64 {
        self.opacity
            .filter(|v| v.is_finite())
            .unwrap_or(45.0)
            .clamp(0.0, 100.0)
    }
}

async fn decision(
    State(pages): State<Arc<Pages>>,
    UrlPath(index): UrlPath<u64>,
    Query(query): Query<ImageQuery>,
) -> Response {
    blocking(pages, move |pages| {
        let note = query.done.map(|i| format!("Sealed as record #{i}."));
        decision_page(pages, index, query, note)
    })
    .await
}

fn decision_page(
    pages: &Pages,
    index: u64,
    query: ImageQuery,
    message: Option<String>,
) -> Result<Response, WorkspaceError> {
    let read = pages.read()?;
    let (view, derived) = (&read.0, &read.1);
    let entry = derived
        .decision(index)
        .ok_or(WorkspaceError::NoDecision(index))?;
    let d = &entry.decided;
    // The page shows nothing whose proof does not verify.
    let proof_fault = view
        .proof(index)
        .map_err(|e| e.to_string())
        .and_then(|p| {
            p.verify(None, view.vkey())
                .map(|_| ())
                .map_err(|e| e.to_string())
        })
        .err();
    let shown = if proof_fault.is_some() || d.purpose != Purpose::Use {
        None
    } else {
        Some(pages.shown(derived, entry)?)
    };
    let vault = Workspace::vault(&pages.dir)?;
    let x = |p: f64| format!("{:.1}", 20.0 + 600.0 * p);
    let image = shown.as_ref().and_then(|s| image_cell(s, &query));
    let verdicts = entry
        .overseen
        .iter()
        .map(|(i, at, o)| {
            let reading = candour_device::reading(&vault, entry, o);
            let (name, reason) = reading.map_or_else(
                |_| ("a reader whose name was erased".into(), String::new()),
                |r| (r.by, r.reason),
            );
            let verdict = match o.verdict {
                Verdict::Agree => "Agreed",
                Verdict::Edit => "Edited",
                Verdict::Overrule => "Overruled",
            };
            VerdictCell {
                verdict,
                name,
                at: short_time(*at),
                index: *i,
                reason,
            }
        })
        .collect();
    let key = key_of(d.outcome);
    let mut sentences = shown
        .as_ref()
        .map(|s| s.sentences.clone())
        .unwrap_or_default();
    if d.purpose == Purpose::Validation {
        sentences.push("A case of a validation cohort: its input lies in the cohort, and no justification was made for it.".into());
    }
    let figures: Vec<String> = d
        .explanation
        .figures
        .iter()
        .map(|(k, v)| {
            let v = v.get();
            let digits = if v.fract() == 0.0 { 0 } else { 3 };
            format!("{} {v:.digits$}", k.replace('_', " "))
        })
        .collect();
    let page = DecisionPage {
        tab: "worklist",
        index,
        outcome: key,
        sign: sign_of(key),
        label: shown.as_ref().map_or_else(
            || label_of(key).to_owned(),
            |s| format!("{}: {}", label_of(key), s.finding),
        ),
        case: d.case.to_string().chars().take(8).collect(),
        patient: shown.as_ref().map(|s| patient_line(&s.patient)),
        message,
        proof_fault,
        image,
        contributions: shown.as_ref().map(|s| contributions(s)).unwrap_or_default(),
        probability: format!("{:.3}", d.probability.get()),
        threshold: format!("{:.2}", d.threshold.get()),
        threshold_x: x(d.threshold.get()),
        probability_x: x(d.probability.get()),
        band: shown
            .as_ref()
            .and_then(|s| s.abstain_band)
            .map(|(lo, hi)| Band {
                x: x(lo),
                width: format!("{:.1}", 600.0 * (hi - lo)),
            }),
        sentences,
        verdicts,
        token: pages.token.clone(),
        reader: pages.reader.lock().map(|r| r.clone()).unwrap_or_default(),
        size: view.size(),
        at: short_time(entry.at),
        model: d.model_version.clone(),
        package: d.model.to_string(),
        engine: d.engine.clone(),
        explanation: {
            let test = match (d.explanation.method.as_str(), d.explanation.faithful) {
                ("none", _) => "",
                (_, true) => ", passed its faithfulness test",
                (_, false) => ", not shown: it did not pass its faithfulness test",
            };
            let figures = if figures.is_empty() {
                String::new()
            } else {
                format!(" ({})", figures.join(", "))
            };
            format!("{}{test}{figures}", d.explanation.method.replace('_', " "))
        },
        tolerated: derived
            .received(entry)
            .ok()
            .filter(|r| !r.deviations.is_empty())
            .map(|r| commands::tolerated(&r.deviations)),
        released: entry.released.as_ref().map_or_else(
            || "not yet".into(),
            |(i, r)| format!("{} DICOM objects (record #{i})", r.objects.len()),
        ),
    };
    Ok(html(StatusCode::OK, &page))
}

/// Whose result it is, as a reader compares it with the images' own header. The page is served to this
/// machine alone and is not stored.
fn patient_line(patient: &PatientIdentity) -> String {
    let name = patient.name.expose().replace('^', " ");
    let parts = [
        ("", name.trim().to_owned()),
        ("ID ", patient.id.expose().clone()),
        ("born ", patient.birth_date.expose().clone()),
        ("sex ", patient.sex.expose().clone()),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(k, v)| format!("{k}{v}"))
        .collect();
    if said.is_empty() {
        "not named in the study".into()
    } else {
        said.join(", ")
    }
}

fn image_cell(shown: &Shown, query: &ImageQuery) -> Option<ImageCell> {
    let volume = shown.volume.as_ref()?;
    let [slices, ..] = volume.dims;
    let (center, width) = query.window();
    let slice = query
        .slice
        .unwrap_or(shown.slice + 1)
        .clamp(1, slices.max(1));
    let legend = if shown.map.is_some() {
        "Orange, with a white contour at half of its peak: where covering the image lowers the score. Not where disease is."
    } else {
        "No overlay: the map did not pass its faithfulness test for this study."
    };
    Some(ImageCell {
        slice,
        slices,
        center: center.round() as i64,
        width: width.round() as i64,
        opacity: query.opacity().round() as u32,
        alt: format!("CT slice {slice} of {slices}"),
        legend,
    })
}

fn contributions(shown: &Shown) -> Vec<Contribution> {
    let Some((names, shapley)) = &shown.contributions else {
        return Vec::new();
    };
    let mut ranked: Vec<(&String, f64, f32)> = names
        .iter()
        .zip(&shapley.contributions)
        .zip(&shapley.values)
        .map(|((n, c), v)| (n, *c, *v))
        .collect();
    ranked.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let widest = ranked
        .first()
        .map_or(1.0, |r| r.1.abs())
        .max(f64::MIN_POSITIVE);
    ranked
        .into_iter()
        .take(12)
        .enumerate()
        .map(|(n, (name, adds, value))| {
            let length = 200.0 * adds.abs() / widest;
            Contribution {
                y: n * 24,
                name: name.replace('_', " "),
                class: if adds >= 0.0 { "for" } else { "against" },
                x: format!("{:.1}", if adds >= 0.0 { 420.0 } else { 420.0 - length }),
                width: format!("{length:.1}"),
                value: format!("{value}"),
                adds: format!("{adds:+.2}"),
            }
        })
        .collect()
}

async fn image(
    State(pages): State<Arc<Pages>>,
    UrlPath(index): UrlPath<u64>,
    Query(query): Query<ImageQuery>,
) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let entry = read
            .1
            .decision(index)
            .ok_or(WorkspaceError::NoDecision(index))?;
        let shown = pages.shown(&read.1, entry)?;
        let volume = shown
            .volume
            .as_ref()
            .ok_or(WorkspaceError::NoDecision(index))?;
        let slice = query.slice.unwrap_or(shown.slice + 1).saturating_sub(1);
        let overlay = shown
            .map
            .as_ref()
            .map(|(m, s)| (m, *s, query.opacity() / 100.0));
        let picture = candour_device::slice_picture(volume, slice, query.window(), overlay);
        let bytes = png_bytes(&picture)
            .ok_or_else(|| WorkspaceError::Misuse("the picture cannot be encoded".into()))?;
        Ok(respond(StatusCode::OK, "image/png", bytes))
    })
    .await
}

fn png_bytes(picture: &Picture) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(
        &mut out,
        u32::try_from(picture.columns).ok()?,
        u32::try_from(picture.rows).ok()?,
    );
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(picture.rgb.as_flattened()).ok()?;
    writer.finish().ok()?;
    Some(out)
}

#[derive(Deserialize)]
struct OverseeForm {
    token: String,
    by: String,
    #[serde(default)]
    reason: String,
    verdict: String,
}

async fn oversee(
    State(pages): State<Arc<Pages>>,
    UrlPath(index): UrlPath<u64>,
    Form(form): Form<OverseeForm>,
) -> Response {
    blocking(pages, move |pages| {
        if form.token != pages.token {
            return Ok(message(StatusCode::FORBIDDEN, "Refused", "The form is not from a page of this server, or the server was started again since. Open the decision again."));
        }
        let verdict = match form.verdict.as_str() {
            "agree" => Verdict::Agree,
            "edit" => Verdict::Edit,
            "overrule" => Verdict::Overrule,
            _ => return Err(WorkspaceError::Misuse("the verdict is none of agree, edit and overrule".into())),
        };
        let mut workspace = Workspace::open_or_create(&pages.dir, &world())?;
        let reading = Reading { by: form.by, reason: form.reason };
        let sealed = candour_device::oversee(&mut workspace, &world(), index, verdict, &reading)?;
        if let Ok(mut reader) = pages.reader.lock() {
            reading.by.trim().clone_into(&mut reader);
        }
        let mut response = respond(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
        if let Ok(place) = HeaderValue::from_str(&format!("/decision/{index}?done={sealed}")) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Ok(response)
    })
    .await
}

struct LedgerRow {
    index: u64,
    kind: String,
    at: String,
    by: String,
    case: String,
}

#[derive(Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    tab: &'static str,
    fault: Option<String>,
    checked: String,
    size: u64,
    vkey: String,
    checkpoint: String,
    rows: Vec<LedgerRow>,
    newer: Option<u64>,
    older: Option<u64>,
}

#[derive(Deserialize)]
struct LedgerQuery {
    before: Option<u64>,
}

fn case_of(record: &Record) -> String {
    use candour_record::Event;
    let case = match &record.event {
        Event::Received(r) => Some(r.case),
        Event::Decided(r) => Some(r.case),
        Event::Released(r) => Some(r.case),
        Event::Overseen(r) => Some(r.case),
        Event::Outcome(r) => Some(r.case),
        Event::Replayed(r) => Some(r.case),
        Event::Refused(r) => r.case,
        _ => None,
    };
    case.map_or_else(String::new, |c| c.to_string().chars().take(8).collect())
}

async fn ledger(State(pages): State<Arc<Pages>>, Query(query): Query<LedgerQuery>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let view = &read.0;
        let check = candour_ledger::check(&pages.dir.join("ledger"), None);
        let end = query.before.unwrap_or(view.size()).min(view.size());
        let begin = end.saturating_sub(ROWS as u64);
        let rows = (0u64..)
            .zip(view.records()?)
            .skip(usize::try_from(begin).unwrap_or(usize::MAX))
            .take(usize::try_from(end - begin).unwrap_or(0))
            .map(|(index, (_, r))| LedgerRow {
                index,
                kind: r.event.kind().to_owned(),
                at: short_time(r.at),
                by: r.by.chars().take(16).collect(),
                case: case_of(&r),
            })
            .collect::<Vec<_>>();
        let page = LedgerPage {
            tab: "ledger",
            fault: check.as_ref().err().map(ToString::to_string),
            checked: check.as_ref().map_or_else(
                |_| String::new(),
                |c| format!("{} records in {} files: every leaf, tile, root and the signature recomputed for this page.", c.entries, c.files),
            ),
            size: view.size(),
            vkey: view.vkey().to_string(),
            checkpoint: view.note().to_owned(),
            rows: rows.into_iter().rev().collect(),
            newer: (end < view.size()).then(|| (end + ROWS as u64).min(view.size())),
            older: (begin > 0).then_some(begin),
        };
        Ok(html(StatusCode::OK, &page))
    })
    .await
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    tab: &'static str,
    index: u64,
    kind: String,
    fault: Option<String>,
    size: u64,
    is_decision: bool,
    entry: String,
    leaf: String,
    proof: String,
}

async fn record(State(pages): State<Arc<Pages>>, UrlPath(index): UrlPath<u64>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let view = &read.0;
        if index >= view.size() {
            return Ok(message(
                StatusCode::NOT_FOUND,
                "Not here",
                "The ledger has no such record.",
            ));
        }
        let proof = view.proof(index)?;
        let fault = proof.verify(None, view.vkey()).err().map(|e| e.to_string());
        let entry = proof.extra.clone().unwrap_or_default();
        let kind = Record::parse(&entry)
            .map_or_else(|_| "unknown".to_owned(), |r| r.event.kind().to_owned());
        let page = RecordPage {
            tab: "ledger",
            index,
            kind,
            fault,
            size: view.size(),
            is_decision: read.1.decision(index).is_some(),
            leaf: candour_ledger::tree::leaf_hash(&entry).to_string(),
            entry: String::from_utf8_lossy(&entry).into_owned(),
            proof: proof.print(),
        };
        Ok(html(StatusCode::OK, &page))
    })
    .await
}

async fn proof(State(pages): State<Arc<Pages>>, UrlPath(index): UrlPath<u64>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        if index >= read.0.size() {
            return Ok(message(
                StatusCode::NOT_FOUND,
                "Not here",
                "The ledger has no such record.",
            ));
        }
        let text = read.0.proof(index)?.print();
        Ok(download(
            respond(StatusCode::OK, "text/plain; charset=utf-8", text),
            &format!("record-{index}.tlog-proof"),
        ))
    })
    .await
}

fn download(mut response: Response, name: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

struct FileCell {
    name: String,
    size: String,
}

struct ClaimCell {
    statistic: String,
    value: String,
    interval: String,
    method: String,
    cited: String,
}

struct RegulationCell {
    name: String,
    folder: String,
    verdict: String,
    sealed: Option<u64>,
}

#[derive(Template)]
#[template(path = "regulations.html")]
struct RegulationsPage {
    tab: &'static str,
    devices: Vec<RegulationCell>,
}

async fn regulations(State(pages): State<Arc<Pages>>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let sealed: Vec<(u64, candour_record::Classified)> = (0u64..)
            .zip(read.0.records()?)
            .filter_map(|(i, (_, record))| match record.event {
                candour_record::Event::Classified(c) => Some((i, c)),
                _ => None,
            })
            .collect();
        let mut list: Vec<PathBuf> = std::fs::read_dir(pages.dir.join("regulation"))
            .into_iter()
            .flatten()
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.join("regulation.html").is_file())
            .collect();
        list.sort();
        let devices = list
            .iter()
            .map(|dir| regulation_cell(dir, &sealed))
            .collect();
        Ok(html(
            StatusCode::OK,
            &RegulationsPage {
                tab: "regulation",
                devices,
            },
        ))
    })
    .await
}

/// What a device's folder says, and the record that sealed that very report.
fn regulation_cell(dir: &Path, sealed: &[(u64, candour_record::Classified)]) -> RegulationCell {
    let folder = dir
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or("")
        .to_owned();
    let report = std::fs::read(dir.join("classification.json")).unwrap_or_default();
    let digest = candour_record::Digest::of(&report);
    let found = sealed.iter().rev().find(|(_, c)| c.report == digest);
    let verdict = found.map_or_else(
        || "The report beside this page is not the one that was sealed.".to_owned(),
        |(_, c)| match (&c.regulation, &c.class, &c.rule) {
            (Some(regulation), Some(class), rule) => format!(
                "{regulation}, class {class}{}",
                rule.as_ref().map_or(String::new(), |r| format!(" by {r}"))
            ),
            (Some(regulation), None, _) if regulation == "none" => "not a device".into(),
            _ => "open questions".into(),
        },
    );
    let name = serde_json::from_slice::<serde_json::Value>(&report)
        .ok()
        .and_then(|v| v.get("device")?.as_str().map(str::to_owned))
        .filter(|n| !n.is_empty())
        .unwrap_or_else(|| folder.clone());
    RegulationCell {
        name,
        folder,
        verdict,
        sealed: found.map(|(i, _)| *i),
    }
}

async fn regulation_page(
    State(pages): State<Arc<Pages>>,
    UrlPath(folder): UrlPath<String>,
) -> Response {
    blocking(pages, move |pages| {
        let plain = folder
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
        let page = std::fs::read(
            pages
                .dir
                .join("regulation")
                .join(&folder)
                .join("regulation.html"),
        );
        let (true, Ok(page)) = (plain, page) else {
            return Ok(message(
                StatusCode::NOT_FOUND,
                "Not here",
                "There is no such page.",
            ));
        };
        let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", page);
        response.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CSP_DOSSIER),
        );
        Ok(response)
    })
    .await
}

struct DossierCell {
    name: String,
    folder: String,
    fault: Option<String>,
    verified: String,
    files: Vec<FileCell>,
    claims: Vec<ClaimCell>,
}

#[derive(Template)]
#[template(path = "dossier.html")]
struct DossierPage {
    tab: &'static str,
    dossiers: Vec<DossierCell>,
}

async fn dossiers(State(pages): State<Arc<Pages>>) -> Response {
    blocking(pages, move |pages| {
        let read = pages.read()?;
        let mut list: Vec<PathBuf> = std::fs::read_dir(pages.dir.join("dossier"))
            .into_iter()
            .flatten()
            .filter_map(|e| e.ok().map(|e| e.path()))
            .filter(|p| p.is_dir())
            .collect();
        list.sort();
        let dossiers = list
            .iter()
            .map(|folder| dossier_cell(folder, &read.0))
            .collect();
        Ok(html(
            StatusCode::OK,
            &DossierPage {
                tab: "dossier",
                dossiers,
            },
        ))
    })
    .await
}

fn dossier_cell(folder: &Path, view: &View) -> DossierCell {
    let name = folder
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or("")
        .to_owned();
    let mut cell = DossierCell {
        name: name.clone(),
        folder: name,
        fault: None,
        verified: String::new(),
        files: Vec::new(),
        claims: Vec::new(),
    };
    for file in dossier::FILES {
        if let Ok(meta) = std::fs::metadata(folder.join(file)) {
            cell.files.push(FileCell {
                name: file.to_owned(),
                size: format!("{} kB", meta.len().div_ceil(1024)),
            });
        }
    }
    let pdf = folder.join("technical-documentation.pdf");
    match verify::verify_file(&pdf, Some(view.vkey())) {
        Ok(findings) => cell.verified = findings.checked.join("; "),
        Err(_) => {
            cell.fault = Some(
                "The PDF does not verify: it was changed, or is not complete. Compile it again."
                    .into(),
            )
        }
    }
    let content = std::fs::read(folder.join("evidence.json"))
        .ok()
        .and_then(|bytes| candour_dossier::verify_evidence(&bytes, Some(view.vkey())).ok())
        .map(|v| v.content);
    if let Some(content) = content {
        cell.name.clone_from(&content.device);
        cell.claims = content
            .claims
            .iter()
            .map(|c| {
                let number = |v: Option<candour_record::Real>| {
                    v.map_or_else(|| "not estimable".to_owned(), |v| format!("{:.3}", v.get()))
                };
                let count = c.statistic == "count";
                ClaimCell {
                    statistic: c
                        .of
                        .clone()
                        .unwrap_or_else(|| c.statistic.clone())
                        .replace('_', " "),
                    value: if count {
                        c.n.to_string()
                    } else {
                        number(c.value)
                    },
                    interval: c.lower.zip(c.upper).map_or_else(String::new, |(l, u)| {
                        format!("{:.3} to {:.3}", l.get(), u.get())
                    }),
                    method: c.method.clone().unwrap_or_else(|| "count".into()),
                    cited: c.records.as_ref().map_or_else(
                        || {
                            c.validated
                                .map_or_else(String::new, |i| format!("run of record {i}"))
                        },
                        |r| r.len().to_string(),
                    ),
                }
            })
            .collect();
    }
    cell
}

async fn dossier_file(
    State(pages): State<Arc<Pages>>,
    UrlPath((folder, file)): UrlPath<(String, String)>,
) -> Response {
    blocking(pages, move |pages| {
        let plain = folder
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !folder.is_empty();
        let known = dossier::FILES
            .iter()
            .find(|f| **f == file)
            .filter(|_| plain);
        let bytes =
            known.and_then(|f| std::fs::read(pages.dir.join("dossier").join(&folder).join(f)).ok());
        let (Some(name), Some(bytes)) = (known, bytes) else {
            return Ok(message(
                StatusCode::NOT_FOUND,
                "Not here",
                "There is no such file of a dossier.",
            ));
        };
        let kind = match name.rsplit('.').next() {
            Some("pdf") => "application/pdf",
            Some("html") => "text/html; charset=utf-8",
            Some("json") => "application/json",
            _ => "text/plain; charset=utf-8",
        };
        let mut response = respond(StatusCode::OK, kind, bytes);
        if kind.starts_with("text/html") {
            response.headers_mut().insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(CSP_DOSSIER),
            );
        }
        Ok(response)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_sign_and_a_word_of_its_own() {
        let keys = ["finding", "no_finding", "abstained", "refused"];
        let signs: std::collections::BTreeSet<&str> = keys.iter().map(|k| sign_of(k)).collect();
        let words: std::collections::BTreeSet<&str> = keys.iter().map(|k| label_of(k)).collect();
        assert_eq!((signs.len(), words.len()), (4, 4));
    }

    #[test]
    fn image_controls_take_nothing_impossible() {
        let query = ImageQuery {
            slice: None,
            center: Some(f64::NAN),
            width: Some(-5.0),
            opacity: Some(1e9),
            done: None,
        };
        assert_eq!(query.window(), (WINDOW_LUNG.0, 1.0));
        assert_eq!(query.opacity(), 100.0);
    }
}
