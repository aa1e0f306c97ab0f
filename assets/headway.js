/* The browser's half of a page: pages/stage.py is the other. It draws cards that come as text, embeds
   drawings, keeps the page's state in the URL, and tells the server what the reader did. */
(function () {
"use strict"
const root = document.documentElement
const $ = (id) => document.getElementById(id)
const dark = matchMedia("(prefers-color-scheme: dark)")
const narrow = matchMedia("(max-width: 1199px)")

/* Colours. Drawings are made once in the light theme; on the way to the screen every light token
   becomes its dark one, so that both themes share one drawing. */
const DARK = {
  "#f6f7f9": "#11161d", "#ffffff": "#1a212b", "#d9dfe7": "#344050", "#1a2230": "#e8ecf2",
  "#556070": "#a3afbe", "#0b7468": "#5ccfbe", "#8f5600": "#f0b35a", "#b3261e": "#ff8a80",
  "#1f5fbf": "#6fa8ff", "#d55e00": "#ff8c42", "#0b4f45": "#c9f2e8", "#b0458f": "#d36bb3",
  "#8a93a0": "#7c8897", "#dfe9f7": "#20324d", "#b9d0f0": "#2b4a78", "#86aee3": "#3a69ad",
  "#4f86d2": "#5288d8", "#edf2fa": "#222c3a",
}
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches
const coloured = (text) => isDark() ? text.replace(/#[0-9a-fA-F]{6}/g, (c) => DARK[c.toLowerCase()] || c) : text

let model = null          // the Stage on the server
const shown = new Map()   // card -> the JSON it shows
const drawn = new Map()   // card -> {text, dark, views}

function card(name) {
  let section = $("card-" + name)
  if (!section) {
    section = document.createElement("section")
    section.id = "card-" + name
    section.className = "card"
    $("stage").append(section)
  }
  return section
}

function show(name, json) {
  if (!json || shown.get(name) === json) return
  const first = !shown.has(name)
  shown.set(name, json)
  const content = JSON.parse(json)
  const section = card(name)
  const kept = keep(section)
  forget(name, content.drawing)
  const old = section.querySelector(".drawing")
  const same = old && drawn.has(name) ? old : null
  section.innerHTML = content.html
  section.hidden = !content.html
  section.removeAttribute("aria-busy")
  if (isNamed(section)) section.setAttribute("aria-labelledby", "t-" + name)
  else section.removeAttribute("aria-labelledby")
  if (content.drawing) {
    const place = section.querySelector(".drawing")
    if (same) { // the numbers around it changed, the drawing did not: keep what is on screen
      same.setAttribute("aria-label", place.getAttribute("aria-label"))
      place.replaceWith(same)
    } else draw(name, place, content.drawing)
  }
  section.querySelectorAll(".scroll.newest").forEach((e) => { e.scrollLeft = e.scrollWidth }) // newest first
  kept()
  if (keeping) regain(section)
  fade(section)
  if (!first) announce()
  complete()
}

/* What scrolls sideways says so, at the side where more of it is. */
function edges(at) {
  const left = Math.abs(at.scrollLeft), room = at.scrollWidth - at.clientWidth
  at.classList.toggle("beyond", room - left > 4)
  at.classList.toggle("behind", left > 4 && room > 4)
}
const sizes = new ResizeObserver((seen) => seen.forEach((one) => edges(one.target)))
function fade(root) {
  root.querySelectorAll(".scroll").forEach((at) => {
    at.addEventListener("scroll", () => edges(at), {passive: true})
    sizes.observe(at)
    edges(at)
  })
}

/* A landmark is one only if no other is called the same, as cards are that all say why they are empty. */
function isNamed(section) {
  const title = section.querySelector("h2")
  return title && ![...document.querySelectorAll("#stage > .card[aria-labelledby] h2")].some((other) => other !== title && other.textContent === title.textContent)
}

/* What the reader has in hand survives a new card: focus, what is typed, what is open. */
function keep(section) {
  const active = document.activeElement
  const inside = section.contains(active)
  const path = inside ? mark(active) : null
  const typed = inside && active.matches("input") ? [active.value, active.selectionStart] : null
  const words = written(section), folds = unfolded(section)
  const scrolled = [...section.querySelectorAll(".scroll")].map((e) => [e.scrollLeft, e.scrollTop])
  return () => {
    section.querySelectorAll(".scroll").forEach((e, i) => {
      if (scrolled[i]) { e.scrollLeft = scrolled[i][0]; e.scrollTop = scrolled[i][1] }
    })
    words.forEach((one) => rewrite(section, one))
    unfold(section, folds)
    // What was pressed may be gone: the card is where its reader was, so the next Tab goes on from there.
    const again = (path && section.querySelector(path)) || (inside && section)
    if (!again) return
    if (again === section) section.tabIndex = -1
    again.focus({preventScroll: true})
    if (typed) { again.value = typed[0]; try { again.setSelectionRange(typed[1], typed[1]) } catch (e) { /* not a text */ } }
  }
}
/* What is typed and not yet sent: where it stands, and what. A search is kept with its table's turns. */
function written(section) {
  return [...section.querySelectorAll("input, textarea")]
    .filter((e) => e.value !== e.defaultValue && !e.matches("[type=radio], [type=checkbox], [data-find]") && mark(e))
    .map((e) => [mark(e), e.value])
}
function rewrite(section, [path, value]) {
  const at = section.querySelector(path)
  if (at) at.value = value
  return Boolean(at)
}
/* An opened part is known by its id, or else by what it stands under. */
const foldName = (e) => e.id || [e.closest("li")?.firstElementChild, e.querySelector("summary")].map((at) => at?.textContent).join("\n")
const unfolded = (section) => [...section.querySelectorAll("details[open]")].map(foldName)
function unfold(section, names) {
  if (names.length) section.querySelectorAll("details").forEach((e) => { if (names.includes(foldName(e))) e.open = true })
}
function mark(element) {
  if (element.id) return "#" + CSS.escape(element.id)
  if (element.dataset.do) return `[data-do="${CSS.escape(element.dataset.do)}"][value="${CSS.escape(element.value || "")}"]`
  for (const name of ["data-find", "data-open", "data-order", "data-page", "name", "href"]) {
    if (!element.hasAttribute(name)) continue
    const value = name === "data-order" ? element.dataset.order.replace(/^-/, "") : element.getAttribute(name)
    return name === "data-order" ? `[data-order$="${CSS.escape(value)}"]` : `[${name}="${CSS.escape(value)}"]`
  }
  return null
}

function forget(name, text) {
  const old = drawn.get(name)
  if (!old || (old.text === text && old.dark === isDark())) return
  drawn.delete(name)
  for (const view of old.views || []) view.model.document && view.model.document.clear()
}

let drawing = 0 // how many are on their way
async function draw(name, place, text) {
  const state = {text, dark: isDark(), views: []}
  drawn.set(name, state)
  drawing += 1
  const item = JSON.parse(coloured(text).replaceAll("hw§", name + "§")) // ids of its own for each place
  try {
    const views = await window.Bokeh.embed.embed_item({...item, target_id: null}, place)
    state.views = [...views]
    for (const view of state.views) if (view.canvas_view) listen(name, view)
    unstop(place)
  } catch (error) {
    place.dataset.failed = ""
    throw error
  } finally {
    drawing -= 1
    complete()
  }
}
/* A drawing is an image with a text beside it and a table behind it: a stop of the keyboard that does
   nothing would stand in the way. */
function unstop(root) {
  for (const one of root.querySelectorAll("*")) {
    if (one.tabIndex === 0 && one.matches(".bk-events")) one.tabIndex = -1
    if (one.shadowRoot) unstop(one.shadowRoot)
  }
}
/* Once everything asked for stands on the page: the tour and the benches wait for this mark. */
function complete() {
  if (drawing || document.querySelector("#stage .skeleton, #stage > [aria-busy]")) return
  if (root.dataset.ready === "complete") return
  root.dataset.ready = "complete"
  performance.mark("headway-complete")
}
/* A tap on a mark: the drawing carries each mark's dimension values in a column called "mark". The same
   drawing may stand on a page that has no use for them: there it is looked at, and nothing else. */
function listen(name, view) {
  const all = [...view.model.document._all_models.values()]
  const taken = all.filter((one) => one.type === "ColumnDataSource" && one.data.mark && isTaken(one.data.mark[0]))
  for (const one of all) if (one.type === "TapTool") one.active = taken.length > 0
  const bus = view.canvas_view.ui_event_bus, point = bus.set_cursor.bind(bus)
  bus.set_cursor = (cursor) => point(cursor === "crosshair" ? (taken.length ? "pointer" : "default") : cursor)
  for (const one of taken) {
    one.selected.properties.indices.change.connect(() => {
      const [at] = one.selected.indices
      if (at === undefined) return
      const picked = JSON.parse(one.data.mark[at])
      one.selected.indices = []
      busy()
      tell({kind: "pick", slot: name, mark: picked})
    })
  }
}
const isTaken = (mark) => Boolean(mark) && Object.keys(JSON.parse(mark)).some((key) => model.takes.includes(key))
function redraw() {
  for (const [name, state] of [...drawn]) {
    const place = card(name).querySelector(".drawing")
    if (!place || state.dark === isDark()) continue
    const text = state.text
    forget(name, null)
    place.replaceChildren()
    draw(name, place, text)
  }
}

let said = 0
function announce() {
  clearTimeout(said)
  said = setTimeout(() => say($("stage").dataset.updated), 1000)
}
function say(text) { const at = $("said"); if (at && text) { at.textContent = ""; setTimeout(() => { at.textContent = text }, 50) } }

/* To the server */
const waiting = []
const turns = new Map() // table -> how the reader turned it: told again to a page that was made anew
function tell(message) {
  if (message.kind === "table") turns.set(message.slot, {...turns.get(message.slot), ...message})
  if (message.with) sent.set(message.number, {...message, isSure: true, since: Date.now()})
  if (model && !away) model.send_msg(message)
  else if (message.kind !== "place") waiting.push(message)
}
/* A deed that takes typed words with it: they stay in their field until the server says that it is done. */
const sent = new Map() // number -> the message
const LONGEST_WAIT = 10000 // for an answer; then the same may be pressed again
let deeds = 0
function deed(message, field) {
  if (!field) { tell(message); return }
  const whole = {...message, value: message.value + "\n" + field.value, with: field.id, number: `${Date.now()}-${deeds++}`}
  const isSame = (one) => one.isSure && Date.now() - one.since < LONGEST_WAIT && one.with === whole.with && one.value === whole.value
  if ([...sent.values()].some(isSame)) return // pressed twice
  tell(whole)
}
function did(over) {
  for (const [number, isDone] of over) {
    const message = sent.get(number)
    if (!message) continue
    sent.delete(number)
    if (!isDone) continue
    const field = $(message.with), isIt = (words) => message.value.endsWith("\n" + words)
    if (field && isIt(field.value)) field.value = ""
    const isOther = ([path, words]) => path !== "#" + CSS.escape(message.with) || !isIt(words)
    if (keeping) keeping.cards.forEach((one) => { one.words = one.words.filter(isOther) })
  }
}
const query = () => Object.fromEntries(new URLSearchParams(location.search))
const same = (a, b) => {
  const one = new URLSearchParams(a), other = new URLSearchParams(b)
  one.sort(); other.sort()
  return one.toString() === other.toString()
}
function go(search, replace) {
  const url = location.pathname + (search && search !== "?" ? search : "")
  if (replace) history.replaceState(null, "", url)
  else history.pushState(null, "", url)
  busy()
  tell({kind: "place", query: query()})
}
function busy() { root.dataset.ready = "frame"; document.querySelectorAll("#stage > .card").forEach((c) => c.setAttribute("aria-busy", "true")) }
function idle() {
  document.querySelectorAll("#stage > .card").forEach((c) => { if (!c.querySelector(".skeleton")) c.removeAttribute("aria-busy") })
  complete()
}

function slotOf(element) {
  const section = element.closest(".card[id]")
  return section ? section.id.slice(5) : opened
}
let opened = null
function open(name, what) {
  opened = name
  const box = $("dialog"), title = card(name).querySelector("h2")
  $("dialog-title").textContent = title ? title.textContent : ""
  box.querySelector(".content").innerHTML = '<div class="skeleton"><i></i><i></i><b></b></div>'
  if (!box.open) box.showModal()
  tell({kind: "open", slot: name, what})
}

document.addEventListener("click", (event) => {
  const at = event.target.closest("a[data-place],[data-open],[data-do],[data-order],[data-page],[data-again],[data-close]")
  if (at) {
    const d = at.dataset
    if (at.matches("a[data-place]")) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
      event.preventDefault()
      if (at.closest("dialog")) at.closest("dialog").close()
      go(at.getAttribute("href"))
    } else if ("open" in d) open(slotOf(at), d.open)
    else if ("close" in d) at.closest("dialog").close()
    else if ("order" in d) tell({kind: "table", slot: slotOf(at), order: d.order})
    else if ("page" in d) tell({kind: "table", slot: slotOf(at), page: Number(d.page)})
    else if ("again" in d) { busy(); tell({kind: "again"}) }
    else if ("do" in d) {
      deed({kind: "do", slot: slotOf(at), deed: d.do, value: at.value || d.value || ""}, d.with && $(d.with))
    }
    return
  }
  const account = document.querySelector("details.account[open]")
  if (account && !account.contains(event.target)) account.open = false
})
let typing = 0
document.addEventListener("input", (event) => {
  const at = event.target
  if (!at.matches("[data-find]")) return
  clearTimeout(typing)
  typing = setTimeout(() => tell({kind: "table", slot: slotOf(at), find: at.value}), 200)
})
document.addEventListener("change", (event) => {
  const at = event.target
  if (at.matches("[data-filter]")) {
    const state = new URLSearchParams(location.search)
    if (at.value) state.set(at.name, at.value)
    else state.delete(at.name)
    if (at.name === "period") { state.delete("since"); state.delete("until") }
    go("?" + state)
  } else if (at.matches("[data-send]")) {
    at.form.elements.next.value = location.pathname + location.search
    at.form.submit()
  } else if (at.name === "theme") theme(at.value)
})
document.addEventListener("submit", (event) => { if (event.target.id === "filters") event.preventDefault() })
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return
  document.querySelectorAll("details.account[open]").forEach((d) => { d.open = false; d.querySelector("summary").focus() })
  drawer(false)
})
addEventListener("popstate", () => { busy(); tell({kind: "place", query: query()}) })

/* Theme: as the device says, unless the reader chose; remembered on the device. */
function theme(chosen) {
  if (chosen === "system") delete root.dataset.theme
  else root.dataset.theme = chosen
  try { chosen === "system" ? localStorage.removeItem("headway-theme") : localStorage.setItem("headway-theme", chosen) } catch (e) { /* private */ }
  redraw()
}
dark.addEventListener("change", redraw)

function drawer(isOpen) {
  const button = $("open-menu")
  if (!button || root.classList.contains("drawer") === isOpen) return
  root.classList.toggle("drawer", isOpen)
  button.setAttribute("aria-expanded", String(isOpen))
  ;(isOpen ? $("close-menu") : button).focus()
}
document.addEventListener("DOMContentLoaded", () => {
  const chosen = root.dataset.theme || "system"
  document.querySelectorAll('input[name="theme"]').forEach((r) => { r.checked = r.value === chosen })
  $("open-menu") && $("open-menu").addEventListener("click", () => drawer(true))
  $("close-menu") && $("close-menu").addEventListener("click", () => drawer(false))
})
document.addEventListener("click", (event) => {
  if (root.classList.contains("drawer") && !event.target.closest("#menu, #open-menu")) drawer(false)
})

/* Connection: say so while it is away, come back by itself. Bokeh tries five times; then we ask the
   server whether it is there at all, and load the page again at the same address once it is. */
let away = false
let polling = 0
function lost(event) {
  away = true
  const banner = $("lost")
  if (banner) banner.hidden = false
  if (event && event.timeout == null && !polling) poll(1000)
}
function poll(wait) {
  polling = setTimeout(async () => {
    try {
      const answer = await fetch("/health", {cache: "no-store"})
      if (answer.ok) { hold(); location.reload(); return }
    } catch (e) { /* still away */ }
    poll(Math.min(wait * 1.5, 10000))
  }, wait)
}
/* Over a reload that we cause ourselves: what was typed, opened and pressed, for the same reader only. */
const KEPT = "headway-kept"
const reader = () => document.querySelector("details.account summary")?.getAttribute("aria-label")
let keeping = null // what the cards of this page will have again once they come
function hold() {
  const late = keeping ? keeping.cards : []
  const cards = [...document.querySelectorAll("#stage > .card")]
    .map((one) => ({card: one.id, words: written(one), folds: unfolded(one)}))
  const kept = {at: location.href, reader: reader(), turns: [...turns.values()], y: scrollY, cards: [...late, ...cards],
    waiting: waiting.filter((message) => message.kind === "do")}
  try { sessionStorage.setItem(KEPT, JSON.stringify(kept)) } catch (e) { /* private */ }
}
function held() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null")
    sessionStorage.removeItem(KEPT)
    if (!kept || kept.at !== location.href || kept.reader !== reader()) return
    kept.turns.forEach((turn) => turns.set(turn.slot, turn))
    keeping = kept
    kept.waiting.forEach((message) => waiting.push(message))
    setTimeout(() => scrollTo(0, kept.y), 500)
  } catch (e) { /* private */ }
}
function regain(section) {
  for (const one of keeping.cards) {
    if (one.card !== section.id) continue
    one.words = one.words.filter((words) => !rewrite(section, words))
    unfold(section, one.folds)
    if (section.querySelector("details")) one.folds = []
  }
}
function back() {
  const was = away
  away = false
  clearTimeout(polling); polling = 0
  const banner = $("lost")
  if (banner) banner.hidden = true
  if (was) say($("stage").dataset.back)
  if (was) sent.forEach((one) => { one.isSure = false }) // it may have been lost on the way
  while (waiting.length) tell(waiting.shift())
}

/* Called by Panel when the component is drawn: first load, and again after a reconnection. */
let drawnBefore = false
function stage(at) {
  model = at.model
  if (!drawnBefore) held()
  const names = model.names
  names.forEach((name, i) => {
    const key = "s" + i
    const update = () => show(name, model[key])
    model.on(key, update)
    update()
  })
  const bar = () => {
    const form = $("filters")
    if (form && model.bar && form.innerHTML !== model.bar) { const kept = keep(form); form.innerHTML = model.bar; kept() }
  }
  model.on("bar", bar); bar()
  const over = () => did(JSON.parse(model.did || "[]"))
  model.on("did", over); over()
  model.on("said", () => say(model.said))
  model.on("filled", idle)
  const notice = () => { const at = $("notice"); at.textContent = model.notice; at.hidden = !model.notice }
  model.on("notice", notice); notice()
  model.on("state", () => { if (!same(model.state, location.search)) history.pushState(null, "", location.pathname + model.state) })
  model.on("dialog", () => {
    if (!model.dialog || !$("dialog").open) return
    const content = JSON.parse(model.dialog)
    if (content.title) $("dialog-title").textContent = content.title
    $("dialog").querySelector(".content").innerHTML = content.html
    fade($("dialog"))
  })
  const doc = at.view.model.document
  if (doc && !doc.__headway) {
    doc.__headway = true
    doc.on_event("connection_lost", (_, event) => lost(event))
    // Once it is back the document is drawn anew, and so this is called: before that nobody would hear us.
  }
  back()
  // A page that comes back: its reader may have moved on meanwhile. A new one has read its own address.
  if (drawnBefore && !same(model.state, location.search) && location.search.length > 1) tell({kind: "place", query: query()})
  turns.forEach((turn) => tell(turn))
  drawnBefore = true
  complete()
  return null
}
window.Headway = {stage}
})()
