// Starts what a page has. Every part finds its own elements by a data attribute, and does nothing where there is none.
import { dialogs } from "./dialogs.js";
import { editors } from "./editor.js";
import { frame } from "./frame.js";
import { charts } from "./charts.js";
import { law } from "./law.js";
import { maps } from "./map.js";
import { proofs } from "./proof.js";
import { queues } from "./reviews.js";
import { streams } from "./stream.js";
import { uploads } from "./upload.js";

function start(root) {
  charts(root);
  editors(root);
  law(root);
  maps(root);
  proofs(root);
  queues(root);
  streams(root);
  uploads(root);
}

frame();
dialogs();
start(document);
// What htmx has put into the page may have parts of its own.
document.addEventListener("htmx:load", (event) => {
  if (event.target !== document.body) start(event.target);
});
