import { ReactNode, RefObject, useEffect, useRef, useState } from "react";

// Ends with Escape, with a click elsewhere, and when the focus leaves it.
function useClosing(menu: RefObject<HTMLDetailsElement>) {
  useEffect(() => {
    const element = menu.current!;
    const close = (event: Event) => {
      if (element.open && !element.contains(event.target as Node)) element.open = false;
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || !element.open) return;
      event.stopPropagation(); // the drawer behind it stays
      element.open = false;
      element.querySelector("summary")!.focus();
    };
    element.addEventListener("keydown", escape);
    document.addEventListener("pointerdown", close);
    document.addEventListener("focusin", close);
    return () => {
      element.removeEventListener("keydown", escape);
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("focusin", close);
    };
  }, [menu]);
}

interface Props {
  label: string;
  name?: string; // said instead of the label
  panel?: string; // class of the panel
  menu?: RefObject<HTMLDetailsElement>;
  onOpen?: () => void;
  children: ReactNode;
}

// A button with a panel that opens under it.
export function Menu({ label, name, panel, menu, onOpen, children }: Props) {
  const own = useRef<HTMLDetailsElement>(null);
  const details = menu ?? own;
  const [place, setPlace] = useState("");
  useClosing(details);
  // The panel hangs from the side of the button that leaves it in the window.
  const opened = () => {
    const { left, right } = details.current!.getBoundingClientRect();
    setPlace(left + right < window.innerWidth ? "to-the-right" : "");
    onOpen?.();
  };
  return (
    <details
      className="menu"
      ref={details}
      onToggle={() => {
        if (details.current!.open) opened();
      }}
    >
      <summary aria-label={name}>{label}</summary>
      <div className={`panel ${panel ?? ""} ${place}`}>{children}</div>
    </details>
  );
}
