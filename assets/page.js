'use strict';
// Shows a film: screens as cells that changed, with words beside them (film.rs says what its lines
// are). What it shows comes from the page itself, or line by line from who shares a session. All of
// it is text: nothing that was filmed becomes markup, style or script.
(() => {
  const $ = (id) => document.getElementById(id);
  // What is wrong is said where the eye is.
  const fail = (text) => { $('note').textContent = $('why-text').textContent = text; };
  if (!('DecompressionStream' in window && 'adoptedStyleSheets' in document)) {
    return fail('This browser is too old for this page: Chrome and Edge from 103, Firefox from 113 and Safari from 16.4 on show it.');
  }
  const screen = $('screen'), stage = $('stage'), slider = $('slider'), list = $('list');
  /** Frames that a page keeps while it looks on, and those that a key frame comes after. */
  const KEPT = 20000, KEYS = 256;
  /** A wait that is longer is shortened to this, in nanoseconds. */
  const IDLE = 2e9;

  // ---- the film ---------------------------------------------------------------------------------

  let head = null, frames = [], calls = [];
  /** The last call that was told, in what is filmed now. */
  let told = 0;
  /** Frames and calls that were dropped at the old end. */
  let dropped = 0;
  const blankWords = () => ({ why: new Map(), rows: [], fd: -1, says: '', story: '' });
  /** The cells, the words, and the frame that they are those of. */
  let cells = [], words = blankWords(), shown = -1;
  let dirty = new Set(), pinned = null, following = false, isLive = false;

  function take(line) {
    if (!line) return;
    const data = JSON.parse(line);
    if (data.styles) return begin(data);
    if (!head || (frames.length === 0 && !data.key)) return;
    data.head = head;
    for (const [seq, t, text] of data.words?.calls ?? []) {
      // Whoever looks on from another moment is told the last ones once more.
      if (seq <= told) continue;
      told = seq;
      calls.push({ when: time(t, head), text, key: text.toLowerCase(), at: frames.length + dropped });
    }
    frames.push(data);
    if (isLive && frames.length > KEPT + KEYS * 2) forget();
  }

  function begin(data) {
    const before = head;
    head = data;
    if (!before || before.cols !== data.cols || before.rows !== data.rows) {
      [frames, calls, shown, dropped, told] = [[], [], -1, 0, 0];
      layOut();
    } else if (before.title !== data.title || before.clock !== data.clock || before.run !== data.run) {
      told = 0;
    }
    paintStyles(data);
  }

  /** Lets the oldest go, up to a key frame: the film still begins with one. */
  function forget() {
    const first = frames.findIndex((frame, n) => n >= frames.length - KEPT && frame.key);
    if (first <= 0) return;
    frames.splice(0, first);
    dropped += first;
    shown = Math.max(-1, shown - first);
    calls.splice(0, calls.findIndex((call) => call.at >= dropped));
  }

  // ---- a moment ---------------------------------------------------------------------------------

  /** Brings the cells to the frame `n`. */
  function seek(n) {
    n = Math.max(0, Math.min(n, frames.length - 1));
    if (n === shown || n < 0) return;
    let from = n;
    while (from > 0 && !frames[from].key) from--;
    if (shown >= from && shown < n) from = shown + 1;
    for (let at = from; at <= n; at++) apply(frames[at]);
    shown = n;
    if (frames[n].head !== painted) paintStyles(frames[n].head);
  }

  function apply(frame) {
    const { cols, rows } = head;
    if (frame.key) {
      cells = Array.from({ length: cols * rows }, () => BLANK);
      words = blankWords();
      for (let y = 0; y < rows; y++) dirty.add(y);
    }
    for (const [y, x, style, text, wide] of frame.spans ?? []) {
      if (y >= rows) continue;
      dirty.add(y);
      const symbols = wide ? [text, ...Array(wide - 1).fill('')] : [...text];
      symbols.forEach((symbol, n) => {
        if (x + n < cols) cells[y * cols + x + n] = cell(symbol, style, wide ?? 1);
      });
    }
    const told = frame.words ?? {};
    for (const [fd, text] of Object.entries(told.why ?? {})) {
      if (text === null) words.why.delete(+fd); else words.why.set(+fd, text);
    }
    const now = (name) => told[name] ?? words[name];
    words = { why: words.why, rows: now('rows'), fd: now('fd'), says: now('says'), story: now('story') };
  }

  const cell = (symbol, style, wide) => ({ symbol, style, wide });
  const BLANK = cell(' ', 0, 1);

  // ---- drawing ----------------------------------------------------------------------------------

  /** Lines, corners and joints by the sides that they reach: thin, or thick. */
  const LINES = {
    '─': 'lr', '│': 'ud', '┌': 'rd', '┐': 'ld', '└': 'ru', '┘': 'lu', '├': 'udr', '┤': 'udl',
    '┬': 'lrd', '┴': 'lru', '┼': 'lrud', '━': 'LR', '┃': 'UD', '╴': 'l', '╶': 'r', '╵': 'u', '╷': 'd',
  };
  /** Blocks: the part of the cell that is full, as left, top, width and height. */
  const BLOCKS = {
    '█': [0, 0, 1, 1], '▌': [0, 0, 0.5, 1], '▐': [0.5, 0, 0.5, 1], '▀': [0, 0, 1, 0.5], '▏': [0, 0, 0.125, 1],
    '▁': [0, 0.875, 1, 0.125], '▂': [0, 0.75, 1, 0.25], '▃': [0, 0.625, 1, 0.375], '▄': [0, 0.5, 1, 0.5],
    '▅': [0, 0.375, 1, 0.625], '▆': [0, 0.25, 1, 0.75], '▇': [0, 0.125, 1, 0.875],
  };
  const SHADES = { '░': 28, '▒': 52, '▓': 76 };
  const SHAPES = new Map();
  const sheet = new CSSStyleSheet(), colours = new CSSStyleSheet();
  document.adoptedStyleSheets = [sheet, colours];

  /** The rules of all shapes: backgrounds of the text's colour, over text that is not seen. */
  function makeShapes() {
    const full = 'linear-gradient(currentColor, currentColor)';
    const rule = (symbol, layers, goesOn) => {
      const name = `b${symbol.codePointAt(0).toString(16)}`;
      SHAPES.set(symbol, name);
      const part = (n) => layers.map((layer) => layer[n]).join(', ');
      // What goes on in the row below reaches into it: no display has a gap there.
      sheet.insertRule(`.row .${name} { ${goesOn ? 'height: calc(var(--h) + .7px);' : ''} -webkit-text-fill-color: transparent; background-image: ${part(0)}; background-position: ${part(1)}; background-size: ${part(2)}; background-repeat: ${part(3)}; }`);
    };
    const arms = {
      l: (t, x, y) => [full, `0 ${y}`, `calc(${x} + ${t}) ${t}`],
      r: (t, x, y) => [full, `${x} ${y}`, `calc(100% - ${x}) ${t}`],
      u: (t, x, y) => [full, `${x} 0`, `${t} calc(${y} + ${t})`],
      d: (t, x, y) => [full, `${x} ${y}`, `${t} calc(100% - ${y})`],
    };
    for (const [symbol, sides] of Object.entries(LINES)) {
      const thick = sides === sides.toUpperCase() ? '2' : '';
      const [t, x, y] = [`var(--t${thick})`, `var(--x${thick})`, `var(--y${thick})`];
      const whole = sides.toLowerCase() === 'lr';
      rule(symbol, whole ? [[full, `0 ${y}`, `100% ${t}`, 'no-repeat']]
        : [...sides.toLowerCase()].map((side) => [...arms[side](t, x, y), 'no-repeat']), /d/i.test(sides));
    }
    const dashes = 'linear-gradient(90deg, currentColor 62%, transparent 62%)';
    rule('┄', [[dashes, '0 var(--y)', 'calc(var(--w) / 3) var(--t)', 'repeat-x']]);
    rule('╌', [[dashes, '0 var(--y)', 'calc(var(--w) / 2) var(--t)', 'repeat-x']]);
    const px = (part, side) => `calc(var(--${side}) * ${part})`;
    for (const [symbol, [x, y, w, h]] of Object.entries(BLOCKS)) {
      rule(symbol, w === 1 ? [[full, `0 ${px(y, 'h')}`, `100% ${px(h, 'h')}`, 'no-repeat']]
        : [[full, `${px(x, 'w')} 0`, `${px(w, 'w')} 100%`, 'no-repeat']]);
    }
    for (const [symbol, part] of Object.entries(SHADES)) {
      const mixed = `color-mix(in srgb, currentColor ${part}%, transparent)`;
      rule(symbol, [[`linear-gradient(${mixed}, ${mixed})`, '0 0', '100% 100%', 'no-repeat']]);
    }
  }
  /** Those that a run of several cells may be one element of. */
  const runs = (symbol) => '─━┄╌█▀▁▂▃▄▅▆▇░▒▓'.includes(symbol);

  const isLight = () => document.documentElement.classList.contains('light');
  const luminance = (colour) => parseInt(colour.slice(1, 3), 16) + parseInt(colour.slice(3, 5), 16) + parseInt(colour.slice(5), 16);
  const COLOUR = /^#[0-9a-f]{6}$/;

  let painted = null;

  /** The rules of a head's styles, for this ground. */
  function paintStyles(head) {
    if (!head) return;
    painted = head;
    put('title', head.title);
    document.title = `${head.title} · epollscope`;
    const turns = (luminance(head.bg) > 382) !== isLight();
    const turned = new Map(turns ? head.turned : []);
    const of = (colour) => {
      const now = turned.get(colour) ?? colour;
      return COLOUR.test(now) ? now : '#808080';
    };
    const mixed = (fg, bg) => '#' + [1, 3, 5].map((n) => {
      const [a, b] = [fg, bg].map((colour) => parseInt(colour.slice(n, n + 2), 16));
      return ((a * 5 + b * 3) >> 3).toString(16).padStart(2, '0');
    }).join('');
    const rules = head.styles.map((style, n) => {
      const bg = of(style.bg ?? head.bg);
      const fg = style.dim ? mixed(of(style.fg ?? head.fg), bg) : of(style.fg ?? head.fg);
      const more = [
        style.bg ? `background-color: ${bg};` : '', style.bold ? 'font-weight: 700;' : '',
        style.italic ? 'font-style: italic;' : '', style.underlined ? 'text-decoration: underline;' : '',
      ];
      return `.s${n} { color: ${fg}; ${more.join(' ')} }`;
    });
    colours.replaceSync(`#stage { background: ${of(head.bg)}; }\n${rules.join('\n')}`);
    dirty = new Set(Array.from({ length: head.rows }, (_, y) => y));
    wake();
  }

  let rows = [], width = 8, pixel = 1;
  /** Where a column begins: at a whole pixel, so that lines have no gaps. */
  const edge = (x) => Math.round(x * width * pixel) / pixel;
  const isAscii = (symbol) => symbol >= ' ' && symbol <= '~' && symbol.length === 1;

  function drawRow(y) {
    const { cols } = head, found = [];
    for (let x = 0; x < cols;) {
      const first = cells[y * cols + x], from = x, shape = SHAPES.get(first.symbol);
      let text = first.symbol;
      const same = (one) => one.style === first.style
        && (isAscii(first.symbol) ? isAscii(one.symbol) : shape && runs(first.symbol) && one.symbol === first.symbol);
      x += Math.max(1, first.wide);
      if (first.symbol !== '') {
        while (x < cols && same(cells[y * cols + x])) text += cells[y * cols + x++].symbol;
      }
      const style = painted.styles[first.style] ?? {};
      if (text === '' || (text.trim() === '' && !style.bg && !style.underlined)) continue;
      const span = document.createElement('span');
      span.className = `s${first.style} ${shape ?? (isAscii(first.symbol) ? '' : 'one')}`;
      // Letters stand where they belong; what has edges has them at whole pixels.
      const at = shape || style.bg ? edge : (column) => column * width;
      const left = at(from);
      span.style.left = `${left}px`;
      span.style.width = `${at(Math.min(x, cols)) - left}px`;
      span.textContent = text;
      found.push(span);
    }
    rows[y].replaceChildren(...found);
  }

  /** Makes the rows, and the cells as large as there is room for. */
  function layOut() {
    if (!head) return;
    const { cols, rows: count } = head;
    if (rows.length !== count) {
      rows = Array.from({ length: count }, (_, y) => {
        const row = document.createElement('div');
        row.className = 'row';
        row.style.top = `calc(var(--h) * ${y})`;
        return row;
      });
      screen.replaceChildren(...rows);
      cells = Array.from({ length: cols * count }, () => BLANK);
    }
    const dpr = window.devicePixelRatio || 1;
    const wide = matchMedia('(min-width: 1100px) and (min-height: 560px)').matches;
    const room = document.documentElement.clientWidth - (wide ? 24 + 12 + 320 + 18 : matchMedia('(max-width: 699px)').matches ? 16 : 42);
    const asked = document.getElementById('ask')?.offsetHeight ?? 0;
    const others = $('controls').offsetHeight + document.querySelector('header').offsetHeight + 46 + (asked && asked + 20);
    const large = stage.classList.contains('large');
    let w = room / cols;
    if (wide && !large) w = Math.min(w, (window.innerHeight - others) / count / 2.05);
    if (large) w = Math.max(w * 1.6, 8);
    w = Math.max(Math.floor(w * 32) / 32, 2);
    [width, pixel] = [w, dpr];
    const h = Math.round(w * 2.05 * dpr) / dpr;
    const thin = Math.max(1, Math.round(w * dpr / 9)) / dpr, thick = Math.max(thin + 1 / dpr, Math.round(w * dpr / 4) / dpr);
    const middle = (side, t) => Math.round((side - t) / 2 * dpr) / dpr;
    const set = (name, value) => screen.style.setProperty(`--${name}`, value);
    set('cols', cols); set('rows', count);
    set('w', `${w}px`); set('h', `${h}px`);
    set('t', `${thin}px`); set('x', `${middle(w, thin)}px`); set('y', `${middle(h, thin)}px`);
    set('t2', `${thick}px`); set('x2', `${middle(w, thick)}px`); set('y2', `${middle(h, thick)}px`);
    set('gap', '0px');
    const measured = advance(100);
    const size = Math.floor(w / measured * 100 * 4) / 4;
    screen.style.fontSize = `${size}px`;
    set('gap', `${w - advance(size)}px`);
    dirty = new Set(rows.keys());
    wake();
  }

  /** The columns' distance in the font, at that size. */
  function advance(size) {
    const probe = document.createElement('span');
    probe.className = 'row';
    probe.style.cssText = `font-size: ${size}px; right: auto; visibility: hidden; letter-spacing: 0`;
    probe.textContent = 'M'.repeat(100);
    screen.append(probe);
    const { width } = probe.getBoundingClientRect();
    probe.remove();
    return width / 100 || size * 0.6;
  }

  function drawPins() {
    for (const old of screen.querySelectorAll('.pin')) old.remove();
    if (pinned === null) return;
    for (const [y, x, columns, fd] of words.rows) {
      if (fd !== pinned) continue;
      const pin = document.createElement('div');
      pin.className = 'pin';
      pin.style.cssText = `left: ${edge(x)}px; top: calc(var(--h) * ${y}); width: ${edge(x + columns) - edge(x)}px; height: var(--h)`;
      screen.append(pin);
    }
  }

  // ---- what is said -----------------------------------------------------------------------------

  function time(t, head) {
    if (head.clock === 'Steps') return `step ${Math.floor(t / 1e9)}`;
    const ms = Math.floor(t / 1e6);
    return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`;
  }
  const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
  const put = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

  const moment = (t, head) => `${time(t, head)}${head.clock === 'Steps' ? '' : ' s'}`;

  /** Says what is missing of what was filmed, and marks where. */
  function sayMissing() {
    const { gaps = [], cut } = head, last = frames.length - 1;
    const events = gaps.reduce((sum, [, , n]) => sum + n, 0), one = events === 1;
    const where = `${gaps.length > 1 ? ', the first' : ''} at ${moment(gaps[0]?.[1] ?? 0, head)}`;
    const missing = events ? `${count(events)} event${one ? ' is' : 's are'} missing${where}.` : '';
    const breaksOff = cut && last >= 0 ? `The recording breaks off at ${moment(frames[last].t, head)}: what followed is not in it.` : '';
    put('missing', [missing, breaksOff].filter(Boolean).join(' '));
    $('missing').hidden = !missing && !breaksOff;
    const places = gaps.map(([seq]) => frames.findIndex((frame) => frame.seq >= seq)).map((n) => n < 0 ? last : n);
    $('gaps').replaceChildren(...[...new Set(places)].map((n) => {
      const mark = document.createElement('i');
      // The middle of the slider's button is there.
      mark.style.left = `calc(8px + (100% - 16px) * ${last > 0 ? n / last : 0})`;
      return mark;
    }));
  }

  function say() {
    const frame = frames[shown];
    const gone = `fd ${pinned} is not waited for at this moment.`;
    const itself = words.story || words.says || 'Nothing on this screen has to be explained.';
    put('why-title', words.story ? 'The lesson' : 'Why');
    put('why-text', itself);
    // What a lesson tells stays where it is.
    $('own').hidden = pinned !== null && !words.story;
    $('pinned').hidden = pinned === null;
    put('pinned-title', pinned === null ? '' : `Why: fd ${pinned}`);
    put('pinned-text', pinned === null ? '' : words.why.get(pinned) ?? gone);
    $('why').classList.toggle('pinned', $('own').hidden);
    const now = moment(frame.t, frame.head), event = `event ${count(frame.seq)}`;
    const small = document.createElement('small');
    small.textContent = event;
    // A menu is no moment of anything.
    $('where').replaceChildren(...frame.seq > 0 ? [now, ' ', small] : []);
    slider.max = frames.length - 1;
    slider.value = shown;
    slider.setAttribute('aria-valuetext', `${now}, ${event}`);
    $('live').classList.toggle('on', following);
    $('live').setAttribute('aria-pressed', following);
  }

  // ---- the calls --------------------------------------------------------------------------------

  let hits = [], sought = [], lineHeight = 28, newest = -1;
  /** How many there were, and what was last said of it. */
  let tally = '';

  /** The calls that have all the words. */
  function sift() {
    sought = $('find').value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = sought.length === 0 ? calls : calls.filter((call) => sought.every((word) => has(call.key, word)));
    newest = calls.length;
  }

  /** How many of these are listed now: what a lesson asks is not told before. */
  const listed = (those) => words.story ? current(those) + 1 : those.length;

  function sayFound() {
    const all = `${count(listed(calls))} calls${words.story ? ' so far' : ''}`;
    const now = sought.length === 0 ? '' : `${count(listed(hits))} of ${all} · Enter: next, Shift+Enter: before`;
    const told = `${listed(hits)} ${now}`;
    if (told !== tally) put('found', now);
    tally = told;
  }

  /** Whether the word stands there; a number is not found in a longer one. */
  function has(text, word) {
    const digit = (c) => c >= '0' && c <= '9';
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      const longer = digit(word[0]) && digit(text[at - 1])
        || digit(word[word.length - 1]) && digit(text[at + word.length]);
      if (!longer) return true;
    }
    return false;
  }

  /** The last one up to the frame that is shown, among these. */
  function current(those) {
    let [low, high] = [0, those.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (those[middle].at - dropped <= shown) low = middle + 1; else high = middle;
    }
    return low - 1;
  }

  function drawCalls(keepPlace) {
    if (newest !== calls.length) sift();
    if (!keepPlace) sayFound();
    const now = current(hits), all = listed(hits);
    $('rows').style.height = `${all * lineHeight}px`;
    if (!keepPlace) {
      const place = now * lineHeight, room = list.clientHeight;
      if (place < list.scrollTop + lineHeight || place > list.scrollTop + room - 3 * lineHeight) {
        list.scrollTop = Math.max(0, place - room / 2);
      }
    }
    const first = Math.max(0, Math.floor(list.scrollTop / lineHeight) - 4);
    const last = Math.min(all, first + Math.ceil(list.clientHeight / lineHeight) + 9);
    const made = [];
    for (let n = first; n < last; n++) made.push(drawCall(hits[n], n, now));
    $('rows').replaceChildren(...made);
    list.setAttribute('aria-activedescendant', `call${now}`);
  }

  function drawCall(call, n, now) {
    const row = document.createElement('div'), when = document.createElement('i');
    row.id = `call${n}`;
    row.setAttribute('role', 'option');
    row.setAttribute('aria-selected', n === now);
    row.className = `call${n === now ? ' now' : ''}${n > now ? ' later' : ''}${/ = E(?!INTR|AGAIN)[A-Z]/.test(call.text) ? ' bad' : ''}`;
    row.style.top = `${n * lineHeight}px`;
    row.dataset.at = call.at;
    row.title = call.text;
    when.textContent = call.when.padStart(8) + ' ';
    row.append(when, call.text);
    return row;
  }

  /** To the next call that has the words. */
  function findNext(step) {
    sift();
    const now = current(hits), all = listed(hits);
    let to = step > 0 ? now + 1 : now;
    if (step < 0) while (to >= 0 && hits[to].at - dropped >= shown) to--;
    const [where, upTo] = words.story ? ['up to here', ' up to here'] : ['there', ''];
    if (to < 0 || to >= all) return put('found', all ? `no other call ${where}` : `no call${upTo} has these words`);
    tally = '';
    go(hits[to].at - dropped);
  }

  // ---- time -------------------------------------------------------------------------------------

  /** For how long the frame that is shown has stood, and when that was looked at. */
  let playing = false, clock = 0, seen = 0, waiting = false;

  /** Draws at the next frame of the display. */
  function wake() {
    if (!waiting) { waiting = true; requestAnimationFrame(draw); }
  }

  function draw(now) {
    waiting = false;
    if (playing) advanceTime(now);
    if (frames.length === 0) return;
    seek(following || shown < 0 && isLive ? frames.length - 1 : Math.max(shown, 0));
    for (const y of dirty) if (rows[y]) drawRow(y);
    dirty.clear();
    drawPins();
    say();
    drawCalls(false);
    if (playing) wake();
  }

  function advanceTime(now) {
    // A page that was hidden does not jump.
    clock += Math.min(now - seen, 100) * 1e6 * Number($('speed').value);
    seen = now;
    let to = shown;
    while (to + 1 < frames.length && clock >= stands(to)) clock -= stands(to++);
    if (to + 1 >= frames.length) { stand(); if (isLive) following = true; }
    seek(to);
  }

  /** How long a frame stands while the film plays, in nanoseconds. */
  function stands(n) {
    const { reading, t } = frames[n];
    return reading ? reading * 1e6 : Math.min(frames[n + 1].t - t, IDLE);
  }

  function play() {
    if (frames.length === 0) return;
    if (shown >= frames.length - 1 && !isLive) seek(0);
    [playing, following, clock, seen] = [true, false, 0, performance.now()];
    showPlaying();
    wake();
  }
  function stand() { playing = false; showPlaying(); }
  function showPlaying() {
    $('play').classList.toggle('playing', playing);
    $('play').setAttribute('aria-label', playing ? 'Stand' : 'Play');
    // Whoever listens is not told of every event of a film that plays.
    for (const id of ['why-text', 'pinned-text']) $(id).setAttribute('aria-live', playing ? 'off' : 'polite');
  }

  /** To a frame, and stand there; the newest one is followed. */
  function go(n) {
    stand();
    following = isLive && n >= frames.length - 1;
    seek(n);
    wake();
    clearTimeout(noting);
    if (!isLive) noting = setTimeout(noteMoment, 400);
  }

  let noting = 0;
  /** The address leads to this moment: it can be told to somebody who has the file. */
  function noteMoment() {
    if (frames[shown]) history.replaceState(null, '', `#${frames[shown].seq}`);
  }
  const end = () => go(frames.length - 1);

  function pin(fd) { pinned = fd; wake(); }

  /** The next descriptor that is waited for, by its number. */
  function pinNext(step) {
    const all = [...words.why.keys()].sort((a, b) => a - b);
    const from = pinned ?? words.fd, at = all.indexOf(from);
    const next = all[at < 0 || pinned === null ? Math.max(at, 0) : at + step];
    if (next !== undefined) pin(next);
  }

  function speed(step) {
    const options = $('speed'), to = options.selectedIndex + step;
    if (to >= 0 && to < options.length) options.selectedIndex = to;
  }

  // ---- keys, clicks, touch ----------------------------------------------------------------------

  const KEYBOARD = {
    ' ': () => playing ? stand() : play(),
    '[': () => go(shown - 1), ArrowLeft: () => go(shown - 1),
    ']': () => go(shown + 1), ArrowRight: () => go(shown + 1),
    Home: () => go(0), End: end, g: end,
    '+': () => speed(1), '=': () => speed(1), '-': () => speed(-1),
    '/': () => { $('find').focus(); $('find').select(); },
    n: () => findNext(1), N: () => findNext(-1),
    j: () => pinNext(1), k: () => pinNext(-1), Escape: () => pin(null),
  };

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || frames.length === 0) return;
    const at = event.target;
    if (at === $('find')) {
      if (event.key === 'Enter') findNext(event.shiftKey ? -1 : 1);
      else if (event.key === 'Escape') { $('find').value = ''; newest = -1; $('find').blur(); wake(); }
      return;
    }
    if (at.matches?.('input:not([type="range"]), textarea')) return;
    // A button is pressed with the space bar, and a list of choices is walked with arrows.
    if ((event.key === ' ' || event.key === 'Enter') && at.closest?.('button, select')) return;
    if (at.matches?.('select') && /^(Arrow|Home|End)/.test(event.key)) return;
    const along = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const act = at === list && along ? () => findNext(along) : KEYBOARD[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  $('home').onclick = () => go(0);
  $('back').onclick = () => go(shown - 1);
  $('on').onclick = () => go(shown + 1);
  $('end').onclick = end;
  $('live').onclick = end;
  $('play').onclick = KEYBOARD[' '];
  // A button that was clicked does not take the space bar.
  $('buttons').onmousedown = (event) => { if (event.target.closest('button')) event.preventDefault(); };
  $('unpin').onclick = () => pin(null);
  slider.oninput = () => go(Number(slider.value));
  $('find').oninput = () => { newest = -1; wake(); };
  list.onscroll = () => frames.length && drawCalls(true);
  list.onclick = (event) => {
    const row = event.target.closest('.call');
    if (row) go(Number(row.dataset.at) - dropped);
  };
  $('large').onclick = () => {
    const large = stage.classList.toggle('large');
    $('large').setAttribute('aria-pressed', large);
    layOut();
  };
  $('theme').onclick = () => {
    document.documentElement.classList.toggle('light');
    paintStyles(painted);
  };

  /** The descriptor that a point of the screen is about; what was noted last lies on top. */
  function fdAt(event) {
    const box = screen.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * head.cols);
    const y = Math.floor((event.clientY - box.top) / box.height * head.rows);
    const row = words.rows.findLast(([top, left, columns]) => top === y && x >= left && x < left + columns);
    return row ? row[3] : null;
  }

  let touched = null;
  screen.addEventListener('pointerdown', (event) => { touched = { x: event.clientX, y: event.clientY }; });
  screen.addEventListener('pointerup', (event) => {
    if (!touched || frames.length === 0) return;
    const [dx, dy] = [event.clientX - touched.x, event.clientY - touched.y];
    touched = null;
    if (Math.hypot(dx, dy) < 10) {
      const fd = fdAt(event);
      pin(fd === pinned ? null : fd);
    } else if (event.pointerType === 'touch' && !stage.classList.contains('large') && Math.abs(dx) > 40 && Math.abs(dx) > 2 * Math.abs(dy)) {
      go(shown + (dx < 0 ? 1 : -1));
    }
  });
  screen.addEventListener('pointercancel', () => { touched = null; });
  window.addEventListener('resize', () => { measureCalls(); layOut(); });

  function measureCalls() { lineHeight = matchMedia('(pointer: coarse)').matches ? 44 : 28; }

  // ---- beginning --------------------------------------------------------------------------------

  const note = (text) => put('note', text);

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new Response(stream).text();
  }

  const SAMPLED = (sampling) => sampling?.evenly
    ? `${count(sampling.evenly.screens)} screens, evenly in time, of ${count(sampling.evenly.events)} events`
    : sampling === 'each_event' ? `${count(frames.length)} events, a screen for each` : '';

  async function readFilm() {
    const text = await unpack($('film').textContent.trim());
    for (const line of text.split('\n')) take(line);
    note(SAMPLED(head?.sampling));
    if (head) {
      sayMissing();
      layOut();
    }
    const asked = Number(location.hash.slice(1));
    const at = asked > 0 ? frames.findLastIndex((frame) => frame.seq <= asked) : 0;
    if (frames.length) go(at);
  }

  function lookOn(path) {
    isLive = following = true;
    $('live').hidden = false;
    const size = matchMedia('(max-width: 699px)').matches ? '80x24' : '120x40';
    const bits = crypto.getRandomValues(new Uint8Array(16));
    const viewer = Array.from(bits, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const source = new EventSource(`${path}?size=${size}&viewer=${viewer}`);
    source.addEventListener('question', (event) => {
      const detail = { asked: JSON.parse(event.data), path, viewer, lesson: words.story !== '' };
      document.dispatchEvent(new CustomEvent('question', { detail }));
    });
    source.onopen = () => note('');
    source.onmessage = (event) => { take(event.data); wake(); };
    source.addEventListener('bye', () => {
      source.close();
      isLive = following = false;
      $('live').hidden = true;
      note('The session has ended. What came can still be looked at.');
      document.dispatchEvent(new CustomEvent('ended'));
      wake();
    });
    source.onerror = () => note(source.readyState === EventSource.CLOSED ? 'The session cannot be reached.' : 'The connection is lost; trying again …');
  }

  document.documentElement.classList.toggle('light', matchMedia('(prefers-color-scheme: light)').matches);
  makeShapes();
  measureCalls();
  showPlaying();
  const from = document.querySelector('meta[name="epollscope"]').content;
  if (from) lookOn(from); else readFilm().catch((error) => fail(`The film in this page is damaged (${error.message}).`));
})();
