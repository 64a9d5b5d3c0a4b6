"use strict";

const $ = (id) => document.getElementById(id);
const answer = $("answer");
let me = null;
let known = {};

// node makes an element; text is only ever set as text.
function node(tag, text, attrs) {
  const n = document.createElement(tag);
  if (text !== undefined && text !== null) n.textContent = text;
  for (const k in attrs || {}) n.setAttribute(k, attrs[k]);
  return n;
}

// whole is a number to ring or to compare, or a day: it is read on one line.
const whole = /^[0-9][0-9 -]+$/;

function table(caption, heads, rows) {
  const t = node("table");
  t.append(node("caption", caption));
  const tr = node("tr");
  heads.forEach((h) => tr.append(node("th", h, { scope: "col" })));
  const head = node("thead");
  head.append(tr);
  const body = node("tbody");
  rows.forEach((r) => {
    const line = node("tr");
    r.forEach((c) => {
      const td = node("td", null, whole.test(c) ? { class: "whole" } : {});
      td.append(c instanceof Node ? c : document.createTextNode(c === undefined || c === null ? "" : String(c)));
      line.append(td);
    });
    body.append(line);
  });
  t.append(head, body);
  const wrap = node("div", null, { class: "scroll", tabindex: "0", role: "region", "aria-label": caption });
  wrap.append(t);
  return wrap;
}

const when = (s) => (s ? new Date(s).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) : "");

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const r = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  const data = await r.json();
  if (data.code === "session-ended") signedOut();
  if (!r.ok) throw data;
  return data;
}

function show(title, ...parts) {
  answer.replaceChildren(node("h2", title), ...parts.filter(Boolean));
  answer.focus();
}

function refused(p) {
  const box = node("div", null, { class: "callout" });
  box.append(node("p", p.title || "Something went wrong"), node("p", p.detail || ""));
  if (p.seq !== undefined) box.append(node("p", "The refusal is entry " + p.seq + " of the ledger."));
  show("Not answered", box);
}

function record(a) {
  const box = node("details");
  box.append(node("summary", "On the record: entry " + a.seq), node("p", "This receipt proves it, offline, with public tools.", { class: "hint" }), node("pre", a.receipt));
  return box;
}

function planTable(plans) {
  return table("Plans", ["Plan", "Status", "From", "To", "Shown until", "Authority", "Ring now", "Office hours", "Out of hours"],
    plans.map((p) => [p.type.replaceAll("-", " "), p.status, p.start, p.end || "", p.visibleUntil || "",
      p.localAuthority.name + (p.localAuthority.unconfirmed ? " (numbers not confirmed for 90 days)" : ""),
      p.localAuthority.ringNow || "", p.localAuthority.officeHours, p.localAuthority.emergencyDuty]));
}

const nameOf = (p) => (p ? p.familyName + ", " + p.givenNames + " (" + p.dateOfBirth + ")" : "");

async function lookup() {
  const body = { nhsNumber: $("number").value };
  if ($("birth").value) body.dateOfBirth = $("birth").value;
  answered(await call("POST", "/v1/lookups", body));
}

async function emergency() {
  answered(await call("POST", "/v1/emergency-lookups", { nhsNumber: $("emergency-number").value, reason: $("emergency-reason").value }));
}

function answered(a) {
  const box = node("div", null, { class: a.outcome === "found" ? "callout" : "callout quiet" });
  const live = a.plans.some((p) => p.status === "active");
  if (a.outcome === "found") box.append(node("strong", nameOf(a.person) + (live ? " has a plan." : " had a plan, which has ended.")));
  if (a.outcome === "not-found") box.append(node("strong", "No plan is recorded here."));
  if (a.outcome === "mismatch") box.append(node("strong", "The date of birth differs."));
  for (const said of [a.notice, a.caution]) if (said) box.append(node("p", said));
  const broken = a.breakGlass;
  if (broken) box.append(node("p", "It took an emergency: policy would have denied it (" + broken.insteadOf.replaceAll("-", " ") + "). A second person reviews it by " + when(broken.reviewBy) + ": review " + broken.review + "."));
  show("Answer", box,
    a.plans.length && planTable(a.plans),
    a.notified.length && table("Told", ["Authority", "State", "At"], a.notified.map((n) => [n.name, n.state, when(n.at)])),
    a.accessHistory.length && table("Who looked before (" + a.accessCount + " in all)", ["When", "Name", "Role", "Organisation"],
      a.accessHistory.map((v) => [when(v.at), v.name + (v.inError ? " (in error)" : ""), v.role, v.organisation])),
    record(a));
}

async function notifications() {
  const a = await call("GET", "/v1/notifications");
  const list = a.notifications.slice(-20).reverse();
  show("Notifications", table("The newest " + list.length, ["Id", "About", "State", "Queued", "From", ""], list.map((n) => {
    const b = node("button", "Open", { class: "small", type: "button", "aria-label": "Open notification " + n.id });
    b.addEventListener("click", () => attempt(() => open(n.id)));
    return [n.id, n.type, n.state, when(n.queuedAt), n.organisation.name, b];
  })));
}

async function open(id) {
  const a = await call("POST", "/v1/notifications/" + id + "/open", { reason: "on duty" });
  const done = node("button", "Acknowledge: setting contacted", { type: "button" });
  done.addEventListener("click", () => attempt(async () => {
    const b = await call("POST", "/v1/notifications/" + id + "/acknowledgements", { action: "contacted-setting" });
    show("Acknowledged", node("p", "Notification " + id + " is " + b.state + "."), record(b));
  }));
  show("Notification " + id, node("p", nameOf(a.person) + ", NHS number " + (a.nhsNumber || "")),
    a.visit && node("p", "Seen " + when(a.visit.at) + " at " + a.visit.organisation + " by " + a.visit.name + ", " + a.visit.role + "."),
    planTable(a.plans), a.state === "opened" && done, record(a));
}

async function caseload() {
  const place = $("place").value.trim();
  const a = await call("POST", "/v1/caseloads/lookups", /^[0-9]{6}$/.test(place) ? { school: place } : { area: place });
  const moved = (k) => a.changes[k].map((p) => nameOf(p.person)).join("; ") || "nobody";
  show("Caseload", table(a.people.length + " people, and " + a.ended.length + " whose plans have ended", ["Person", "NHS number", "Plan", "Status", "Authority", "Office hours", "Out of hours"],
    a.people.concat(a.ended).flatMap((p) => p.plans.map((l) => [nameOf(p.person), p.nhsNumber, l.type.replaceAll("-", " "), l.status, l.localAuthority.name, l.localAuthority.officeHours, l.localAuthority.emergencyDuty]))),
    node("h3", a.since ? "Changes since you last looked, " + when(a.since) : "This is your first look"),
    a.since && table("Changes", ["New", "Ended", "Moved in", "Moved out"], [[moved("new"), moved("ended"), moved("movedIn"), moved("movedOut")]]), record(a));
}

async function trail() {
  const a = await call("POST", "/v1/trails", { nhsNumber: $("trail-number").value, reason: $("reason").value });
  show("Trail", table(a.count + " entries about this person", ["Entry", "When", "What", "Who", "Role", "Organisation", "Outcome"],
    a.entries.slice().reverse().map((e) => [e.seq, when(e.at), e.kind.replaceAll("-", " "), e.name || "", e.role || "", e.organisation || e.authority || "", (e.outcome || e.code || "") + (e.inError ? " (in error)" : "")])), record(a));
}

async function reviews() {
  const a = await call("GET", "/v1/reviews");
  show("Emergency accesses", a.reviews.length ? table("To be reviewed, and reviewed", ["Review", "State", "When", "Where", "Policy", "Review by", ""], a.reviews.map((r) => {
    const waits = r.state === "open" || r.state === "overdue";
    const b = node("button", "Open", { class: "small", type: "button", "aria-label": "Open review " + r.id });
    b.addEventListener("click", () => attempt(() => openReview(r.id)));
    return [r.id, r.state.replaceAll("-", " ") + (r.late ? " (late)" : ""), when(r.at), r.organisation.name, r.insteadOf.replaceAll("-", " "), when(r.reviewBy), waits ? b : when(r.reviewedAt)];
  })) : node("p", "There are none."));
}

async function openReview(id) {
  const a = await call("POST", "/v1/reviews/" + id + "/open", {});
  if (a.restricted) return show("Review " + id, node("p", "It is of a restricted child: the national IG officer reviews it."), record(a));
  const finding = node("select", null, { id: "finding" });
  finding.append(node("option", "It was justified", { value: "justified" }), node("option", "It was not justified", { value: "not-justified" }));
  const note = node("input", null, { id: "note", autocomplete: "off", required: "" });
  const form = node("form");
  form.append(node("label", "Finding", { for: "finding" }), finding, node("label", "Note", { for: "note" }), note, node("button", "Conclude the review"));
  form.addEventListener("submit", (e) => { e.preventDefault(); attempt(async () => {
    const b = await call("POST", "/v1/reviews/" + id, { finding: finding.value, note: note.value });
    show("Reviewed", node("p", "Review " + id + " is concluded: " + b.state.replaceAll("-", " ") + "."), record(b));
  }); });
  show("Review " + id, node("p", "NHS number " + a.nhsNumber + ", outcome " + a.outcome.replaceAll("-", " ") + "."),
    node("p", "Looked up " + when(a.visit.at) + " at " + a.visit.organisation + " by " + a.visit.name + ", " + a.visit.role + "."),
    node("p", "Reason given: " + a.reason), node("p", "Policy would have denied it (" + a.insteadOf.replaceAll("-", " ") + "). To be reviewed by " + when(a.reviewBy) + "."), form, record(a));
}

async function attempt(f) {
  try {
    await f();
  } catch (p) {
    refused(p && p.code ? p : { title: "The service did not answer", detail: "This is not \"no plan\". Follow the downtime procedure." });
  }
}

function signedOut() {
  me = null;
  $("in").hidden = true;
  $("out").hidden = false;
  document.querySelectorAll("form[data-roles]").forEach((f) => (f.hidden = true));
}

function signedIn() {
  $("out").hidden = true;
  $("in").hidden = false;
  $("whoami").textContent = me.name + (me.role ? ", " + (me.roleName || me.role) + ", " + (me.organisationName || me.organisation) + " (" + me.assurance + ")" : "");
  $("roles").hidden = me.roles < 2;
  let any = false;
  document.querySelectorAll("form[data-roles]").forEach((f) => {
    f.hidden = !f.dataset.roles.split(" ").includes(me.role);
    any = any || !f.hidden;
  });
  $("none").hidden = any;
  $("stronger").hidden = me.assurance === "AAL3";
  $("place").value = me.role === "health-visitor" ? known.AREA_CODE : known.SCHOOL_URN;
}

async function begin() {
  known = await (await fetch("/demo/known", { cache: "no-store" })).json();
  const labels = { NHS_CPP: "child protection plan", NHS_LAC: "looked after", NHS_UCPP: "unborn child's plan", NHS_ENDED: "ended 100 days ago", NHS_EXPIRED: "ended 400 days ago", NHS_NONE: "no plan" };
  for (const k in labels) $("known").append(node("option", labels[k], { value: known[k] }));
  $("number").value = known.NHS_CPP;
  $("emergency-number").value = $("trail-number").value = known.NHS_CPP;
  [["lookup", lookup], ["emergency", emergency], ["reviews", reviews], ["notifications", notifications], ["caseload", caseload], ["trail", trail]].forEach(([id, f]) =>
    $(id).addEventListener("submit", (e) => { e.preventDefault(); attempt(f); }));
  const r = await fetch("/signin/session", { cache: "no-store" });
  if (!r.ok) return signedOut();
  me = await r.json();
  signedIn();
}

begin();
