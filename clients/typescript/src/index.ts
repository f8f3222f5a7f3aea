export { createSoftask, type Softask } from "./client.js";
export type { Cancel, Clock, Platform } from "./platform.js";
export type {
  Answer,
  AppContext,
  Content,
  Native,
  NativeStatus,
  Offer,
  Options,
  Outcome,
  Popup,
  Problem,
  PushSnapshot,
  Route,
  Settings,
  Storage,
} from "./types.js";
