/**
 * The program that asks sockets of another process: `node ask-sockets.js QUESTIONS`. It prints the
 * answers; both are JSON.
 */
import { askSocket, type SocketQuestion } from './proc/ask-socket';

const questions = JSON.parse(process.argv[2] ?? '[]') as SocketQuestion[];
process.stdout.write(JSON.stringify(questions.map(askSocket)));
