// What the views are written with: Preact and htm, and `memo`, which they lack.
import { Component, h, html } from "../vendor/htm-preact.js";

export {
  Component,
  h,
  html,
  render,
  useCallback,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "../vendor/htm-preact.js";

/** Draws a view again only when one of its properties is another one. */
export function memo(view) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return !same(this.props, next);
    }
    render(props) {
      return h(view, props);
    }
  };
}

function same(a, b) {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.is(a[key], b[key]));
}

/** Class names, those that are false left out. */
export const names = (...given) => given.filter(Boolean).join(" ");
