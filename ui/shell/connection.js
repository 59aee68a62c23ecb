// Keeps the page's line to its server. Gradio's client takes the first failure for the end: it forgets all questions and
// reads the page anew. Here a question is sent again until it has arrived, and the line on which answers come is taken
// up where it broke, while a sentence says what the page waits for.
(() => {
  const native = window.fetch.bind(window);
  const TELL_AFTER = 1500;
  const SILENT = 45_000;
  const BUSY_FOR = 120_000;
  const LOST = "The connection is interrupted. Your question is kept, and the page tries again …";
  const BUSY = "Many people are searching. Your question is kept, and it is asked again in a moment …";
  const lines = new Map();
  const troubles = new Map();
  let later = null;

  const pause = (tries) => new Promise((done) => setTimeout(done, Math.min(400 * 1.6 ** tries, 5000) * (0.7 + 0.6 * Math.random())));

  function tell() {
    later = null;
    let node = document.querySelector(".connection");
    if (!node) {
      node = document.createElement("p");
      node.className = "connection";
      node.setAttribute("role", "status");
      document.body.append(node);
    }
    node.textContent = [...troubles.values()][0] ?? "";
    node.hidden = troubles.size === 0;
  }

  function trouble(who, sentence) {
    if (sentence) troubles.set(who, sentence);
    else if (!troubles.delete(who)) return;
    if (!sentence && troubles.size === 0) tell();
    else if (later === null) later = setTimeout(() => troubles.size && tell(), TELL_AFTER);
  }

  // After a time without a server there may be another one, that knows nothing of this page.
  async function checkServer() {
    const known = window.gradio_config?.app_id;
    const answer = await native(new URL("gradio_api/app_id", document.baseURI));
    const { app_id: current } = await answer.json();
    if (known !== undefined && String(current) !== String(known)) location.reload();
  }

  class Line {
    constructor(address) {
      this.address = address;
      this.waiting = new Set();
      this.number = 0;
      this.held = [];
      this.out = null;
      this.running = false;
    }

    opened(signal) {
      const body = new ReadableStream({ start: (out) => { this.out = out; }, cancel: () => { this.out = null; } });
      for (const block of this.held.splice(0)) this.out.enqueue(block);
      signal?.addEventListener("abort", () => {
        try { this.out?.close(); } catch { /* closed already */ }
        this.out = null;
      });
      this.run();
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    }

    expect(event) {
      this.waiting.add(event);
      this.run();
    }

    async run() {
      if (this.running) return;
      this.running = true;
      for (let tries = 0; this.waiting.size; ) {
        try {
          if (tries) await checkServer();
          await this.read(() => { tries = 0; trouble(this, ""); });
        } catch {
          trouble(this, LOST);
          await pause(tries++);
        }
      }
      trouble(this, "");
      this.running = false;
    }

    async read(arrived) {
      const address = new URL(this.address);
      address.searchParams.set("after", this.number);
      address.searchParams.set("waiting", [...this.waiting].join(","));
      const stop = new AbortController();
      let clock = setTimeout(() => stop.abort(), SILENT);
      try {
        const answer = await native(address, { signal: stop.signal, headers: { Accept: "text/event-stream" } });
        if (!answer.ok) throw new Error(`the line answers ${answer.status}`);
        arrived();
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let text = "", ended = false; ; ) {
          const { done, value } = await reader.read();
          if (done && ended) return;
          if (done) throw new Error("the line broke");
          clearTimeout(clock);
          clock = setTimeout(() => stop.abort(), SILENT);
          text += value;
          for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
            ended = this.take(text.slice(0, end + 2)) || ended;
            text = text.slice(end + 2);
          }
        }
      } finally {
        clearTimeout(clock);
      }
    }

    // Passes a message on, and tells whether it is the last one of this connection.
    take(block) {
      const message = JSON.parse(block.slice(block.indexOf(":") + 1));
      if (message.msg === "close_stream") return true;
      if (message.number !== undefined) {
        if (message.number <= this.number) return false;
        this.number = message.number;
      }
      if (message.msg === "process_completed") this.waiting.delete(message.event_id);
      if (message.session_not_found) location.reload();
      const bytes = new TextEncoder().encode(block);
      if (this.out) this.out.enqueue(bytes);
      else this.held.push(bytes);
      return false;
    }
  }

  function line(address, session) {
    if (!lines.has(session)) lines.set(session, new Line(address));
    return lines.get(session);
  }

  async function ask(address, options) {
    const headers = new Headers(options.headers);
    headers.set("X-Visual-Search-Question", Math.random().toString(36).slice(2) + Date.now().toString(36));
    const began = Date.now();
    for (let tries = 0; ; tries++) {
      let answer = null;
      try {
        if (tries && troubles.get(headers) === LOST) await checkServer();
        answer = await native(address, { ...options, headers });
      } catch (error) {
        if (error?.name === "AbortError") throw error;
      }
      if (answer && (answer.status !== 503 || Date.now() - began > BUSY_FOR)) {
        trouble(headers, "");
        return answer;
      }
      trouble(headers, answer ? BUSY : LOST);
      await pause(tries);
    }
  }

  async function join(address, options) {
    const answer = await ask(address, options);
    if (answer.ok) {
      const { event_id: event } = await answer.clone().json();
      const { session_hash: session } = JSON.parse(options.body);
      const stream = new URL(address.href.replace("/queue/join", "/queue/data"));
      stream.search = "";
      stream.searchParams.set("session_hash", session);
      line(stream, session).expect(event);
    }
    return answer;
  }

  window.fetch = (input, options = {}) => {
    const address = new URL(input instanceof Request ? input.url : String(input), document.baseURI);
    if (address.pathname.endsWith("/gradio_api/queue/data")) {
      const session = address.searchParams.get("session_hash");
      return Promise.resolve(line(address, session).opened(input instanceof Request ? input.signal : options.signal));
    }
    if (address.pathname.endsWith("/gradio_api/queue/join") && typeof options.body === "string") {
      return join(address, options);
    }
    return native(input, options);
  };
})();
