export * from './command';
export { main, message } from './main';
export { manPage } from './man';
export { print, printJson, printTable } from './output';
export { progress, type Progress } from './progress';
