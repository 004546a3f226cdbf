import type { MouseEvent, ReactNode } from "react";
import { addressOf, Place, usePlace } from "../place";

// A link that changes what is shown without loading the program anew.
export function PlaceLink({
  to,
  className,
  current,
  title,
  children,
}: {
  to: Partial<Place>;
  className?: string;
  current?: boolean;
  title?: string;
  children: ReactNode;
}) {
  const [place, go] = usePlace();
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a
      href={addressOf({ ...place, ...to })}
      onClick={follow}
      className={className}
      title={title}
      aria-current={current ? "page" : undefined}
    >
      {children}
    </a>
  );
}
