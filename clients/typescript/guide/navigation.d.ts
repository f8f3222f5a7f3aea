/** The app's own, as the examples of docs/clients/typescript.md use it. */

import type { Answer, Offer } from "softask-client";

export const navigation: {
  navigate(screen: "SoftAsk", params: { offer: Offer; answer: (answer: Answer) => void }): void;
  getCurrentRoute(): { name: string } | undefined;
};
