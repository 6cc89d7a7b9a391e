// Types of the vendored file: those of the packages it was made from, htm bound to preact's `h`.

import type { VNode } from 'preact';

export { h, render, Component, Fragment } from 'preact';
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
export { batch, computed, effect, signal, untracked } from '@preact/signals';
export declare function html(strings: TemplateStringsArray, ...values: any[]): VNode;
export type { Signal } from '@preact/signals';
