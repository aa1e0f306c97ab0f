/* A page's cards, or one chart, inside a notebook's cell: what headway.js does for a whole page, without
   frame, URL and menu. Everything stands in the component's own shadow root. */
const dark = () => {
  const body = document.body
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false"
  return body.classList.contains("dark") || body.classList.contains("dark-theme")
}

export function render({model, el}) {
  const colours = JSON.parse(model.colours)
  const coloured = (text) => dark() ? text.replace(/#[0-9a-fA-F]{6}/g, (c) => colours[c.toLowerCase()] || c) : text
  const host = el.getRootNode().host || el
  host.dataset.theme = dark() ? "dark" : "light"
  const root = document.createElement("div")
  root.className = "notebook"
  const shown = new Map()

  async function embed(name, place, text) {
    const item = JSON.parse(coloured(text).replaceAll("hw§", name + model.own + "§"))
    const views = await window.Bokeh.embed.embed_item({...item, target_id: null}, place)
    for (const view of [...views]) listen(name, view.model.document)
    place.dataset.drawn = String(Number(place.dataset.drawn || 0) + 1)
  }
  function listen(name, doc) {
    for (const one of doc._all_models ? doc._all_models.values() : []) {
      if (one.type !== "ColumnDataSource" || !one.data.mark) continue
      one.selected.properties.indices.change.connect(() => {
        const [at] = one.selected.indices
        if (at === undefined) return
        const mark = JSON.parse(one.data.mark[at])
        one.selected.indices = []
        model.send_msg({kind: "pick", slot: name, mark})
      })
    }
  }
  function show(name, section, json) {
    if (!json || shown.get(name) === json) return
    shown.set(name, json)
    const content = JSON.parse(json)
    const active = root.getRootNode().activeElement
    const typed = active && section.contains(active) && active.matches("[data-find]") ? active.value : null
    section.innerHTML = content.html
    section.hidden = !content.html
    // Other pages, files and sign-in belong to the site, which is not here.
    section.querySelectorAll('a[href^="/"]').forEach((a) => { a.hasAttribute("download") ? a.remove() : a.replaceWith(...a.childNodes) })
    if (typed !== null) { const again = section.querySelector("[data-find]"); if (again) { again.value = typed; again.focus() } }
    const place = section.querySelector(".drawing")
    if (place && content.drawing) embed(name, place, content.drawing)
  }

  const bar = document.createElement("form")
  bar.className = "filters"
  bar.addEventListener("submit", (event) => event.preventDefault())
  const cards = document.createElement("div")
  cards.className = "cards"
  const dialog = document.createElement("dialog")
  dialog.innerHTML = '<header><h2></h2><button type="button" class="iconic" data-close aria-label="×">×</button></header><div class="content" tabindex="0"></div>'
  root.append(bar, cards, dialog)
  const looks = JSON.parse(model.looks)
  model.names.forEach((name, i) => {
    const section = document.createElement("section")
    section.className = looks[name] || "card"
    section.dataset.card = name
    cards.append(section)
    const key = "s" + i, update = () => show(name, section, model[key])
    model.on(key, update)
    update()
  })
  const filters = () => { bar.hidden = !model.bar; bar.innerHTML = model.bar }
  model.on("bar", filters); filters()
  const notice = document.createElement("p")
  notice.className = "note"
  notice.setAttribute("role", "alert")
  root.prepend(notice)
  const noticed = () => { notice.hidden = !model.notice; notice.textContent = model.notice }
  model.on("notice", noticed); noticed()
  model.on("dialog", () => {
    if (!model.dialog) return
    const content = JSON.parse(model.dialog)
    dialog.querySelector("h2").textContent = content.title
    dialog.querySelector(".content").innerHTML = content.html
  })

  const slot = (at) => { const card = at.closest("[data-card]"); return card ? card.dataset.card : dialog.dataset.of }
  const place = (search) => model.send_msg({kind: "place", query: Object.fromEntries(new URLSearchParams(search))})
  root.addEventListener("click", (event) => {
    const at = event.target.closest("a,[data-open],[data-do],[data-order],[data-page],[data-again],[data-close]")
    if (!at) return
    const d = at.dataset
    if (at.matches("a")) event.preventDefault()
    if ("place" in d) place(at.getAttribute("href"))
    else if ("open" in d) {
      dialog.dataset.of = slot(at)
      dialog.querySelector("h2").textContent = ""
      dialog.querySelector(".content").textContent = ""
      dialog.showModal()
      model.send_msg({kind: "open", slot: slot(at), what: d.open})
    } else if ("close" in d) dialog.close()
    else if ("order" in d) model.send_msg({kind: "table", slot: slot(at), order: d.order})
    else if ("page" in d) model.send_msg({kind: "table", slot: slot(at), page: Number(d.page)})
    else if ("again" in d) model.send_msg({kind: "again"})
    else if ("do" in d) model.send_msg({kind: "do", slot: slot(at), deed: d.do, value: at.value || d.value || ""})
  })
  let typing = 0
  root.addEventListener("input", (event) => {
    const at = event.target
    if (!at.matches("[data-find]")) return
    clearTimeout(typing)
    typing = setTimeout(() => model.send_msg({kind: "table", slot: slot(at), find: at.value}), 200)
  })
  root.addEventListener("change", (event) => {
    const at = event.target
    if (!at.matches("[data-filter]")) return
    const state = new URLSearchParams(model.state)
    if (at.value) state.set(at.name, at.value)
    else state.delete(at.name)
    if (at.name === "period") { state.delete("since"); state.delete("until") }
    place(state)
  })
  // A notebook's own shortcuts must not take the keys that are typed here.
  root.addEventListener("keydown", (event) => event.stopPropagation())
  return root
}
