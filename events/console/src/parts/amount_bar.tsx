// How much of the largest amount: decoration behind a number that stands in text.
export function AmountBar({ share }: { share: number }) {
  return (
    <svg className="amount-bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect width={Math.max(share * 100, 0.5)} height="1" />
    </svg>
  );
}
