// What browsers have and the oldest compiler that is used does not know yet.
interface CanvasRenderingContext2D {
  roundRect(x: number, y: number, width: number, height: number, radii?: number | number[]): void;
}
interface Array<T> {
  findLast(predicate: (value: T, index: number) => unknown): T | undefined;
}
interface RequestInit {
  priority?: "high" | "low" | "auto";
}
