export const tickets = {
  title: '相談票',
} as const
