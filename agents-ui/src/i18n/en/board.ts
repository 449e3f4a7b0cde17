export const board = {
  title: 'Board',
} as const
