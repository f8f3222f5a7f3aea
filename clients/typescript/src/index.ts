export { createSoftask, type Softask } from "./client.js";
export { thePlatform, type Cancel, type Clock, type Platform } from "./platform.js";
export type {
  Answer,
  AppContext,
  Content,
  Ids,
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
