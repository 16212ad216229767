import { Component, createElement, type ComponentType, type VNode } from "preact";

/** Draw again only when `same` says that the properties differ. */
export function memo<P extends object>(View: (props: P) => VNode, same: (before: P, after: P) => boolean): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !same(this.props as P, next);
    }
    override render() {
      return createElement(View as ComponentType<P>, this.props as P);
    }
  };
}
