// Starts the page: theme, feed, and the view that the address asks for.
import { h, render } from "./lib/dom.js";
import { start } from "./lib/feed.js";
import { apply } from "./lib/theme.js";
import { Page } from "./parts/page.js";

apply();
const root = document.getElementById("page");
root.textContent = "";
render(h(Page), root);
start();
