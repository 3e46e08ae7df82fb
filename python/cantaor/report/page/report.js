"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const tracks = JSON.parse(byId("tracks-data").textContent);
  let sounds = null;

  // Sounds: parsed when the first one is asked for, one at a time.
  let playing = null, playingButton = null;
  const stop = () => {
    if (playing) playing.pause();
    if (playingButton) { playingButton.setAttribute("aria-pressed", "false"); playingButton.textContent = "Play"; }
    playing = playingButton = null;
  };
  const play = (button) => {
    const again = button === playingButton;
    stop();
    if (again) return;
    sounds = sounds || JSON.parse(byId("sounds-data").textContent);
    playing = new Audio("data:audio/wav;base64," + sounds[button.dataset.sound]);
    playingButton = button;
    button.setAttribute("aria-pressed", "true");
    button.textContent = "Stop";
    playing.addEventListener("ended", stop);
    playing.play().catch((error) => { stop(); byId("status").textContent = "Cannot play: " + error.message; });
  };

  // The viewer: one recording at a time, from `from` to `to` seconds.
  const canvas = byId("plot"), chooser = byId("recording"), status = byId("status");
  let track = null, from = 0, to = 1;
  const unpack = (one) => {
    if (!one.frames) {
      const bytes = Uint8Array.from(atob(one.cents), (letter) => letter.charCodeAt(0));
      one.frames = new Int16Array(bytes.buffer);
      one.motifs = [...new Set(one.spans.map((span) => span[2]))].sort();
    }
    return one;
  };
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const lane = (motif) => track.motifs.indexOf(motif);
  const notes = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
  const note = (cents) => {
    const number = Math.round(cents / 100), beside = Math.round(cents - 100 * number), midi = 33 + number;
    return notes[midi % 12] + (Math.floor(midi / 12) - 1) + (beside ? (beside > 0 ? " +" : " ") + beside : "");
  };
  const clock = (seconds, decimals) => {
    const units = Math.round(Math.max(0, seconds) * 10 ** decimals), rest = units % (60 * 10 ** decimals);
    const text = (rest / 10 ** decimals).toFixed(decimals);
    return (units - rest) / (60 * 10 ** decimals) + ":" + text.padStart(decimals ? decimals + 3 : 2, "0");
  };
  const spansShown = () => track.spans.filter((span) => span[1] > from && span[0] < to);

  const draw = () => {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * ratio; canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "12px system-ui, sans-serif";
    const visible = [...new Set(spansShown().map((span) => span[2]))].sort();
    const laneHeight = visible.length ? Math.min(14, 90 / visible.length) : 0;
    const left = 64, right = width - 18, top = 10, base = height - 26, bottom = base - laneHeight * visible.length - 6;
    const first = Math.max(0, Math.floor(from / track.hop)), last = Math.min(track.frames.length, Math.ceil(to / track.hop) + 1);
    let low = Infinity, high = -Infinity;
    for (let i = first; i < last; i++) if (track.frames[i] >= 0) { low = Math.min(low, track.frames[i]); high = Math.max(high, track.frames[i]); }
    if (low > high) { low = 1200; high = 2400; }
    low -= 60; high += 60;
    const x = (time) => left + (time - from) / (to - from) * (right - left);
    const y = (cents) => bottom - (cents - low) / (high - low) * (bottom - top);
    axes(pen, x, y, low, high, left, right, top, base);
    pen.save();
    pen.beginPath(); pen.rect(left, top, right - left, base - top); pen.clip();
    pen.strokeStyle = colour("--f0"); pen.lineWidth = 1.3; pen.beginPath();
    let down = false;
    for (let i = first; i < last; i++) {
      const cents = track.frames[i];
      if (cents < 0) { down = false; continue; }
      down ? pen.lineTo(x(i * track.hop), y(cents)) : pen.moveTo(x(i * track.hop), y(cents));
      down = true;
    }
    pen.stroke();
    pen.strokeStyle = colour("--segment"); pen.lineWidth = 2.6; pen.beginPath();
    for (const [start, end, cents] of track.segments) if (end > from && start < to) { pen.moveTo(x(start), y(cents)); pen.lineTo(x(end), y(cents)); }
    pen.stroke();
    for (const [start, end, motif] of spansShown()) {
      pen.fillStyle = colour("--motif-" + lane(motif) % 8);
      pen.fillRect(x(start), base - laneHeight * (visible.indexOf(motif) + 1), Math.max(2, x(end) - x(start) - 1), laneHeight - 2);
    }
    pen.restore();
    tell(visible);
  };
  const axes = (pen, x, y, low, high, left, right, top, base) => {
    pen.fillStyle = colour("--soft-ink"); pen.strokeStyle = colour("--line"); pen.lineWidth = 1;
    const step = [100, 200, 300, 600, 1200].find((s) => (high - low) / s <= 12) || 1200;
    pen.textAlign = "right"; pen.textBaseline = "middle";
    for (let c = Math.ceil(low / step) * step; c <= high; c += step) {
      pen.beginPath(); pen.moveTo(left, y(c)); pen.lineTo(right, y(c)); pen.stroke();
      pen.fillText(note(c), left - 6, y(c));
    }
    if (track.tonic !== null && track.tonic > low && track.tonic < high) {
      pen.save(); pen.setLineDash([6, 4]); pen.strokeStyle = colour("--accent");
      pen.beginPath(); pen.moveTo(left, y(track.tonic)); pen.lineTo(right, y(track.tonic)); pen.stroke(); pen.restore();
    }
    const tick = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800].find((s) => (to - from) / s <= 10) || 3600;
    pen.textAlign = "center"; pen.textBaseline = "top";
    for (let t = Math.ceil(from / tick) * tick; t <= to; t += tick) {
      pen.beginPath(); pen.moveTo(x(t), base); pen.lineTo(x(t), base + 4); pen.stroke();
      pen.fillText(clock(t + track.offset, tick < 1 ? 1 : 0), x(t), base + 7);
    }
    pen.save(); pen.translate(4, (top + base) / 2); pen.rotate(-Math.PI / 2); pen.fillText("pitch (A4 = 440 Hz)", 0, 0); pen.restore();
  };
  const tell = (visible) => {
    const keys = byId("legend");
    keys.replaceChildren(...[["--f0", "f0"], ["--segment", "contour"], ...visible.map((m) => ["--motif-" + lane(m) % 8, m])].map(([name, text]) => {
      const item = document.createElement("li"), swatch = document.createElement("i");
      swatch.style.background = "var(" + name + ")";
      item.append(swatch, text);
      return item;
    }));
    const n = spansShown().length;
    status.textContent = track.name + " (" + track.singer + "), " + clock(from + track.offset, 1) + " to " + clock(to + track.offset, 1) +
      ": " + n + (n === 1 ? " instance" : " instances") + " of the families above" +
      (track.tonic === null ? "" : "; tonic " + note(track.tonic) + " (" + track.tonic_by + ", broken line)");
  };
  const show = (start, end) => {
    const length = Math.min(track.seconds, Math.max(0.3, end - start));
    from = Math.max(0, Math.min(start, track.seconds - length));
    to = from + length;
    draw();
  };
  const zoom = (factor, at = (from + to) / 2) => show(at - (at - from) * factor, at + (to - at) * factor);
  const move = (share) => show(from + share * (to - from), to + share * (to - from));
  const actions = { in: () => zoom(0.5), out: () => zoom(2), left: () => move(-0.25), right: () => move(0.25), all: () => show(0, track.seconds) };
  const choose = (index, start = 0, end = 12) => {
    track = unpack(tracks[index]);
    chooser.value = index;
    show(start, end);
    const rows = track.spans.map(([a, b, motif]) => {
      const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td"), button = document.createElement("button");
      head.scope = "row"; head.textContent = motif;
      button.textContent = clock(a + track.offset, 2) + " to " + clock(b + track.offset, 2);
      button.setAttribute("aria-label", "Show " + motif + " at " + button.textContent);
      button.addEventListener("click", () => show(a - 1, b + 1));
      cell.append(button); row.append(head, cell);
      return row;
    });
    byId("span-rows").replaceChildren(...rows);
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.sound) play(button);
    if (button.dataset.act) actions[button.dataset.act]();
    if (button.dataset.show) {
      const index = tracks.findIndex((one) => one.name === button.dataset.show);
      const offset = tracks[index].offset;
      choose(index, button.dataset.from - offset - 1, +button.dataset.to - offset + 1);
      byId("recordings").scrollIntoView();
      canvas.focus({ preventScroll: true });
    }
    if (button.id === "theme") {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      if (track) draw();
    }
  });
  if (!tracks.length) return;
  chooser.addEventListener("change", () => choose(+chooser.value));
  canvas.addEventListener("keydown", (event) => {
    const act = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", Home: "all" }[event.key];
    if (act) { actions[act](); event.preventDefault(); }
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    const at = from + (event.offsetX - 64) / (canvas.clientWidth - 82) * (to - from);
    zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
    event.preventDefault();
  }, { passive: false });
  let grabbed = null;
  canvas.addEventListener("pointerdown", (event) => { grabbed = [event.clientX, from, to]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) return;
    const shift = (grabbed[0] - event.clientX) / (canvas.clientWidth - 82) * (grabbed[2] - grabbed[1]);
    show(grabbed[1] + shift, grabbed[2] + shift);
  });
  canvas.addEventListener("pointerup", () => { grabbed = null; });
  new ResizeObserver(() => draw()).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // The first recording that has something to show, where that begins.
  const opening = Math.max(0, tracks.findIndex((one) => one.spans.length));
  const begin = tracks[opening].spans.length ? Math.max(0, Math.min(...tracks[opening].spans.map((span) => span[0])) - 1) : 0;
  choose(opening, begin, begin + 12);
})();
