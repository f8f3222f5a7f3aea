/** What the examples of docs/clients/typescript.md take from the app's own packages. */

declare module "@react-native-async-storage/async-storage" {
  const storage: {
    getItem(key: string): Promise<string | null>;
    setItem(key: string, value: string): Promise<void>;
    removeItem(key: string): Promise<void>;
  };
  export default storage;
}

declare module "react-native" {
  export const AppState: {
    addEventListener(
      type: "change",
      listener: (state: "active" | "background" | "inactive" | "unknown" | "extension") => void,
    ): { remove(): void };
  };
  export const Platform:
    | { OS: "ios" | "windows" | "macos" | "web"; Version: string | number }
    | { OS: "android"; Version: number };
}

declare module "react-native-permissions" {
  type Status = "unavailable" | "blocked" | "denied" | "granted" | "limited";
  type Response = { status: Status; settings: { provisional?: boolean } };
  export function checkNotifications(): Promise<Response>;
  export function requestNotifications(
    options?: ("alert" | "badge" | "sound")[],
  ): Promise<Response>;
  export function openSettings(type?: "application" | "notifications"): Promise<void>;
}
