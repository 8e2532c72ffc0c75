/* Lets the search run on pages opened from disk: a browser starts no worker there, so a hidden frame plays one.
   mkdocs-material's plugin `offline` would fetch such a script from a foreign server. */
if (location.protocol === "file:") {
  window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...urls) =>
        urls.reduce((before, each) => before.then(() => this.load(each)), Promise.resolve());
      this.load(url).then(() => this.waiting.splice(0).forEach((data) => this.give(data)));
      this.ready = false;
    }
    load(url) {
      return new Promise((done, failed) => {
        const script = this.frame.contentDocument.createElement("script");
        script.src = new URL(url, location.href);
        script.onload = () => done((this.ready = true));
        script.onerror = () => failed(new Error(`${script.src} cannot be loaded`));
        this.frame.contentDocument.body.append(script);
      });
    }
    give(data) {
      const inside = this.frame.contentWindow;
      inside.dispatchEvent(new inside.MessageEvent("message", { data }));
    }
    postMessage(data) {
      this.ready ? this.give(data) : this.waiting.push(data);
    }
    terminate() {
      this.frame.remove();
    }
  };
  window.Worker = window.IFrameWorker;
}
